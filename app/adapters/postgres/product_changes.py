"""The products that changed since a reader looked last, whichever transaction committed first.

On Postgres a row is marked with the number of the transaction that wrote it, and a reader's mark is its snapshot:
what it could not see has a number that no transaction had yet, or that of one that was under way. SQLite has one
writer, and rows are simply numbered.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    and_,
    bindparam,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import has_one_writer
from app.adapters.postgres.tables import products
from app.domain.columns import Held
from app.ports.products import Changes

_LAST_NUMBER = "(SELECT CAST(coalesce(max(changed), 0) AS TEXT) FROM products WHERE catalog = {})"


class _Mark(FunctionElement[str]):
    """The mark to ask with the next time, of the catalog that is its argument."""

    type = Text()
    inherit_cache = True


class _Unborn(FunctionElement[int]):
    """The number of no transaction that can be seen yet: rows beyond it were restored from another cluster."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Mark, "postgresql")
def _snapshot(_element: _Mark, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "pg_current_snapshot()::text"


@compiles(_Mark, "sqlite")
def _last_number(element: _Mark, compiler: SQLCompiler, **kw: Any) -> str:
    (catalog,) = element.clauses
    return _LAST_NUMBER.format(compiler.process(catalog, **kw))


@compiles(_Unborn, "postgresql")
def _next_transaction(_element: _Unborn, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


_CHANGED = (products.c.product_id, products.c.version, products.c.deleted, products.c.attributes)


class ChangesBeside:
    """Statements that read what has changed of `the_catalog`, and beside it the columns of a `source` with one row.

    All of it is of one moment, and a row comes where nothing has changed.
    """

    def __init__(self, columns: Sequence[ColumnElement[Any]] = (), source: FromClause | None = None) -> None:
        self._width = len(columns)

        def those(*conditions: ColumnElement[bool]) -> Prepared:
            mark = select(_Mark(bindparam("the_catalog", type_=Text())).label("mark")).subquery()
            # Looked up by each condition in turn: one range of an index is what a database that has not counted its
            # rows yet reads by the index, and not a catalog from end to end.
            parts = [
                select(*_CHANGED).where(products.c.catalog == bindparam("the_catalog"), one) for one in conditions
            ]
            some = union_all(*parts).subquery() if len(parts) > 1 else parts[0].subquery()
            first = mark if source is None else source.join(mark, true())
            return Prepared(select(*columns, mark.c.mark, *some.c).select_from(first.outerjoin(some, true())))

        since = and_(products.c.changed >= bindparam("xmax"), products.c.changed < _Unborn())
        under_way = products.c.changed == bindparam("under_way", type_=ARRAY(BigInteger())).any_()
        self._all = those(true())
        self._since_number = those(products.c.changed > bindparam("last"))
        self._since_snapshot = those(since)
        self._since_and_of_some = those(since, under_way)

    def read(self, connection: Connection, catalog: str, since: str | None) -> tuple[Sequence[Any], Changes] | None:
        """The columns, and what has changed since a mark, or everything; None where the source has no row."""
        rows = self._rows(connection, catalog, since)
        if not rows:
            return None
        beside, mark = rows[0][: self._width], rows[0][self._width]
        if since is not None and has_one_writer(connection):  # who began to read before others wrote sets nobody back
            mark = str(max(int(mark), int(since)))
        elif since is not None and _read(mark)[0] < _read(since)[0]:
            return self.read(connection, catalog, None)  # numbers only grow: this is another database than it was
        held = (row[self._width + 1 :] for row in rows)
        changed = [Held(name, version, None if gone else given) for name, version, gone, given in held if name]
        return beside, Changes(changed, mark, whole=since is None)

    def _rows(self, connection: Connection, catalog: str, since: str | None) -> Sequence[Sequence[Any]]:
        named = {"the_catalog": catalog}
        if since is None:
            return self._all.rows(connection, named)
        if has_one_writer(connection):
            return self._since_number.rows(connection, {**named, "last": int(since)})
        xmax, under_way = _read(since)
        if under_way:
            return self._since_and_of_some.rows(connection, {**named, "xmax": xmax, "under_way": under_way})
        return self._since_snapshot.rows(connection, {**named, "xmax": xmax})


_ALONE = ChangesBeside()


def changed_products(connection: Connection, catalog: str, since: str | None) -> Changes:
    """What has changed of a catalog since a mark, or everything."""
    found = _ALONE.read(connection, catalog, since)
    if found is None:
        raise RuntimeError("a mark always has a row")
    return found[1]


def _read(snapshot: str) -> tuple[int, list[int]]:
    """Of a snapshot as Postgres writes it, xmin:xmax:xip, the first number not yet given and those under way."""
    _, xmax, under_way = snapshot.split(":")
    return int(xmax), [int(number) for number in under_way.split(",") if number]
