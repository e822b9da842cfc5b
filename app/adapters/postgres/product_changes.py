"""The products that changed since a reader looked last, whichever transaction committed first.

On Postgres a row is marked with the number of the transaction that wrote it, and a reader's mark is the oldest number
that was still open when it looked: whatever it could not see then is at least that, however late it commits. SQLite
has one writer, and rows are simply numbered.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Text, and_, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.tables import products
from app.domain.columns import Held
from app.ports.products import Changes

_NEXT_NUMBER = "(SELECT coalesce(max(changed), 0) + 1 FROM products WHERE catalog = {})"


class _Mark(FunctionElement[int]):
    """The mark to ask with the next time, of the catalog that is its argument."""

    type = BigInteger()
    inherit_cache = True


class _Unborn(FunctionElement[int]):
    """The number of no transaction that can be seen yet: rows beyond it were restored from another cluster."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Mark, "postgresql")
def _oldest_open(_element: _Mark, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@compiles(_Mark, "sqlite")
def _next_number(element: _Mark, compiler: SQLCompiler, **kw: Any) -> str:
    (catalog,) = element.clauses
    return _NEXT_NUMBER.format(compiler.process(catalog, **kw))


@compiles(_Unborn, "postgresql")
def _next_transaction(_element: _Unborn, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@compiles(_Unborn, "sqlite")
def _beyond_all(_element: _Unborn, _compiler: SQLCompiler, **_kw: Any) -> str:
    return str(2**63 - 1)


_CHANGED = (products.c.product_id, products.c.version, products.c.deleted, products.c.attributes)


def _since(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The mark and what has changed beside it, in one statement: both are of one moment, and one row always comes."""
    mark = select(_Mark(bindparam("the_catalog", type_=Text())).label("mark")).subquery()
    changed = and_(products.c.catalog == bindparam("the_catalog"), *conditions)
    return select(mark.c.mark, *_CHANGED).select_from(mark.outerjoin(products, changed))


_ALL = Prepared(_since())
_CHANGED_SINCE = Prepared(_since(products.c.changed >= bindparam("since"), products.c.changed < _Unborn()))


def changed_products(connection: Connection, catalog: str, since: int | None) -> Changes:
    """What has changed of a catalog since a mark, or everything."""
    rows = (
        _ALL.rows(connection, {"the_catalog": catalog})
        if since is None
        else _CHANGED_SINCE.rows(connection, {"the_catalog": catalog, "since": since})
    )
    mark = rows[0][0]
    if since is not None and mark < since:  # marks only grow: this is another database, put in the place of the first
        return changed_products(connection, catalog, None)
    held = [Held(name, version, None if gone else stated) for _, name, version, gone, stated in rows if name]
    return Changes(held, mark, whole=since is None)
