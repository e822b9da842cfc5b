"""The products that changed since a reader looked last, whichever transaction committed first.

On Postgres a row is marked with the number of the transaction that wrote it, and a reader's mark is its snapshot:
what it could not see has a number that no transaction had yet, or that of one that was under way. SQLite has one
writer, and rows are simply numbered.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Text, and_, bindparam, or_, select
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


def _those(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The mark and some products beside it, in one statement: both are of one moment, and one row always comes."""
    mark = select(_Mark(bindparam("the_catalog", type_=Text())).label("mark")).subquery()
    changed = and_(products.c.catalog == bindparam("the_catalog"), *conditions)
    return select(mark.c.mark, *_CHANGED).select_from(mark.outerjoin(products, changed))


_ALL = Prepared(_those())
_SINCE_NUMBER = Prepared(_those(products.c.changed > bindparam("last")))
_SINCE_SNAPSHOT = Prepared(
    _those(
        or_(
            and_(products.c.changed >= bindparam("xmax"), products.c.changed < _Unborn()),
            products.c.changed == bindparam("under_way", type_=ARRAY(BigInteger())).any_(),
        )
    )
)


def changed_products(connection: Connection, catalog: str, since: str | None) -> Changes:
    """What has changed of a catalog since a mark, or everything."""
    named = {"the_catalog": catalog}
    if since is None:
        return _changes(_ALL.rows(connection, named), whole=True)
    if has_one_writer(connection):
        return _changes(_SINCE_NUMBER.rows(connection, {**named, "last": int(since)}), at_least=since)
    xmax, under_way = _read(since)
    changes = _changes(_SINCE_SNAPSHOT.rows(connection, {**named, "xmax": xmax, "under_way": under_way}))
    if _read(changes.mark)[0] < xmax:  # numbers only grow: this is another database, put in the place of the first
        return changed_products(connection, catalog, None)
    return changes


def _changes(rows: list[list[Any]], *, whole: bool = False, at_least: str = "0") -> Changes:
    mark = rows[0][0]
    if mark.isdigit():  # whoever began to read before others wrote must not set them back
        mark = str(max(int(mark), int(at_least)))
    return Changes(
        [Held(name, version, None if gone else held) for _, name, version, gone, held in rows if name], mark, whole
    )


def _read(snapshot: str) -> tuple[int, list[int]]:
    """Of a snapshot as Postgres writes it, xmin:xmax:xip, the first number not yet given and those under way."""
    _, xmax, under_way = snapshot.split(":")
    return int(xmax), [int(number) for number in under_way.split(",") if number]
