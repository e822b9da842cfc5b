"""Builds as rows, and what each of them holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from app.adapters.postgres.statements import insert, portions
from app.adapters.postgres.tables import build_products, builds
from app.domain.builds import WRITABLE, Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec, Preprocessing
from app.domain.errors import Conflict


class BuildRows:
    """`Builds` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, build: Build) -> None:
        """Insert a build; the partial unique indexes allow one live and one unfinished a catalog."""
        row = {
            "id": build.id,
            "catalog": build.catalog,
            "state": build.state,
            "fingerprint": build.encoder.fingerprint,
            "encoder": asdict(build.encoder),
            "parameters": asdict(build.index),
            "created_at": build.created_at,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(self._connection, builds), row)
        except IntegrityError:
            raise Conflict(
                f"catalog {build.catalog} has a {build.state} build already", code="build_exists"
            ) from None

    def live(self, catalog: str) -> Build | None:
        """The build that queries read."""
        statement = select(builds).where(builds.c.catalog == catalog, builds.c.state == BuildState.LIVE)
        row = self._connection.execute(statement).one_or_none()
        return _build(row) if row else None

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that every upload goes to, by catalog."""
        statement = select(builds).where(builds.c.catalog.in_(catalogs), builds.c.state.in_(WRITABLE))
        found: dict[str, list[Build]] = {catalog: [] for catalog in catalogs}
        for row in self._connection.execute(statement):
            found[row.catalog].append(_build(row))
        return found

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        statement = select(builds).where(builds.c.catalog == catalog).order_by(builds.c.created_at.desc())
        return [_build(row) for row in self._connection.execute(statement)]

    def set_state(self, build_id: str, state: BuildState) -> None:
        """Move a build to another state."""
        self._connection.execute(update(builds).where(builds.c.id == build_id).values(state=state))

    def hold(self, build_id: str, pictures: Mapping[str, int]) -> dict[str, int]:
        """Note how many picture rows the build may hold of each product; returns what it was before."""
        before = dict.fromkeys(pictures, 0)
        for some in portions(sorted(pictures)):
            statement = select(build_products.c.product_id, build_products.c.pictures).where(
                build_products.c.build_id == build_id, build_products.c.product_id.in_(some)
            )
            before.update(self._connection.execute(statement).tuples().all())
        grown = [
            {"build_id": build_id, "product_id": product_id, "version": 0, "pictures": count}
            for product_id, count in sorted(pictures.items())
            if count > before[product_id] or not before[product_id]
        ]
        if grown:
            statement = insert(self._connection, build_products)
            self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["build_id", "product_id"], set_={"pictures": statement.excluded.pictures}
                ),
                grown,
            )
        return before

    def held(self, build_id: str, products: Mapping[str, tuple[int, int]]) -> None:
        """Note by product_id the version and the number of pictures the build holds for certain."""
        if not products:
            return
        statement = insert(self._connection, build_products)
        rows = [
            {"build_id": build_id, "product_id": product_id, "version": version, "pictures": pictures}
            for product_id, (version, pictures) in sorted(products.items())
        ]
        noted = {"version": statement.excluded.version, "pictures": statement.excluded.pictures}
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["build_id", "product_id"], set_=noted), rows
        )

    def dropped(self, build_id: str, product_ids: Sequence[str]) -> None:
        """The build holds nothing of these products any more."""
        for some in portions(sorted(product_ids)):
            gone = build_products.c.product_id.in_(some)
            self._connection.execute(delete(build_products).where(build_products.c.build_id == build_id, gone))

    def count(self, build_id: str) -> int:
        """How many products a build holds."""
        statement = select(func.count()).where(build_products.c.build_id == build_id, build_products.c.version > 0)
        return self._connection.execute(statement).scalar_one()


def _build(row: Row[tuple[object, ...]]) -> Build:
    stated = dict(row.encoder)
    preprocessing = dict(stated.pop("preprocessing"))
    for key in ("mean", "std"):
        preprocessing[key] = tuple(preprocessing[key])
    encoder = EncoderSpec(preprocessing=Preprocessing(**preprocessing), **stated)
    index = IndexSpec(**row.parameters)
    return Build(row.id, row.catalog, BuildState(row.state), encoder, index, row.created_at)
