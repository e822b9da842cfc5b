"""What SQLAlchemy says differently for Postgres and SQLite, said once."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Table, Text, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


def has_one_writer(connection: Connection) -> bool:
    """Whether a transaction that writes is the only one that does, so that no row needs a lock."""
    return connection.dialect.name == "sqlite"


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT in the connection's dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def one_of(column: ColumnElement[str], values: str) -> ColumnElement[bool]:
    """The condition that a text column has one of the values that are bound, as a list, to the name `values`.

    One parameter, however many values: the statement stays the same text, which is rendered and prepared once, and
    meets no limit of variables. `IN` with as many parameters costs SQLAlchemy more than the database.
    """
    return _OneOf(column, bindparam(values, type_=_Values()))


class _Values(TypeDecorator[Sequence[str]]):
    """A list that psycopg2 writes as an array, and JSON on SQLite. SQLAlchemy's own array looks at each value."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """The values as the driver takes them."""
        stated = list(value or ())
        return orjson.dumps(stated).decode() if dialect.name == "sqlite" else stated


class _OneOf(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> "_OneOf":  # noqa: ARG002 - SQLAlchemy's signature
        """As it is: a condition that SQLAlchemy compares with 1, as it does on SQLite, uses no index."""
        return self


@compiles(_OneOf, "sqlite")
def _on_sqlite(element: _OneOf, compiler: SQLCompiler, **kw: Any) -> str:
    return _filled("({} IN (SELECT value FROM json_each({})))", element, compiler, kw)


@compiles(_OneOf, "postgresql")
def _on_postgres(element: _OneOf, compiler: SQLCompiler, **kw: Any) -> str:
    return _filled("({} = ANY ({}))", element, compiler, kw)


def _filled(template: str, element: _OneOf, compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    return template.format(*(compiler.process(part, **kw) for part in element.clauses))
