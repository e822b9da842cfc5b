"""Catalogs as rows."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, bindparam, func, select

from app.adapters.postgres.build_tables import revisions
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import insert
from app.adapters.postgres.tables import catalogs, products
from app.domain.products import AttributeType, Catalog

_DECLARED = (catalogs.c.name, catalogs.c.attributes, catalogs.c.caption)
_BY_NAME = Prepared(select(*_DECLARED).where(catalogs.c.name == bindparam("the_name")))


class CatalogRows:
    """`Catalogs` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Catalog | None:
        """The catalog of that name."""
        for declared in _BY_NAME.rows(self._connection, {"the_name": name}):
            return stated_catalog(*declared)
        return None

    def put(self, catalog: Catalog) -> None:
        """Create the catalog or replace its declaration."""
        statement = insert(self._connection, catalogs).values(
            name=catalog.name, attributes=dict(catalog.attributes), caption=list(catalog.caption)
        )
        declared = {"attributes": statement.excluded.attributes, "caption": statement.excluded.caption}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=declared))

    def revise(self, names: Collection[str]) -> None:
        """Note that searches may find something else from now on."""
        if not names:
            return
        # In one order: of two that revise the same catalogs, neither waits for the other while it is waited for.
        statement = insert(self._connection, revisions).values(
            [{"catalog": one, "number": 1} for one in sorted(names)]
        )
        again = {"number": revisions.c.number + 1}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["catalog"], set_=again))

    def all(self) -> list[tuple[Catalog, int]]:
        """Every catalog with its number of products, by name."""
        counted = (
            select(products.c.catalog, func.count().label("n"))
            .where(products.c.deleted.is_(False))
            .group_by(products.c.catalog)
            .subquery()
        )
        statement = (
            select(*_DECLARED, func.coalesce(counted.c.n, 0))
            .outerjoin(counted, counted.c.catalog == catalogs.c.name)
            .order_by(catalogs.c.name)
        )
        return [(stated_catalog(*declared), n) for *declared, n in self._connection.execute(statement)]


def stated_catalog(name: str, attributes: Mapping[str, str], caption: Sequence[str]) -> Catalog:
    """A catalog from what its row says."""
    return Catalog(name, {one: AttributeType(declared) for one, declared in attributes.items()}, tuple(caption))
