"""Statements that every query runs: compiled once, run by the driver itself.

SQLAlchemy's way from a statement to its rows costs several times what such a statement costs the database, and most
after a pause, when none of its code is left in the processor's caches.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

_Process = Callable[[Any], Any]


class Prepared:
    """A SELECT that is given the same names every time. It begins no transaction, and sees one that was begun."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[list[Any]]:
        """The rows, their columns as the statement's types say; raises what SQLAlchemy would raise."""
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = _compile(self._statement, connection.dialect)
        driver, failure = connection.connection, connection.dialect.loaded_dbapi.Error
        try:
            with closing(driver.cursor()) as cursor:
                cursor.execute(compiled.text, compiled.parameters(values))
                return compiled.read(cursor.fetchall())
        except failure as error:
            lost = connection.dialect.is_disconnect(error, driver, None)
            if lost:
                connection.invalidate(error)
            raise DBAPIError.instance(
                compiled.text, None, error, failure, connection_invalidated=lost, dialect=connection.dialect
            ) from error


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    constants: Mapping[str, Any]
    order: Sequence[str] | None
    into: Sequence[tuple[str, _Process]]
    out_of: Sequence[tuple[int, _Process]]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The values as the driver takes them: by position where it knows no names."""
        given = {**self.constants, **values}
        for name, process in self.into:
            given[name] = process(given[name])
        return given if self.order is None else [given[name] for name in self.order]

    def read(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The driver's rows as the columns' types say."""
        found = [list(row) for row in rows]
        for place, process in self.out_of:
            for row in found:
                row[place] = process(row[place])
        return found


def _compile(statement: Select[Any], dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    into = [
        (name, process)
        for name, bound in compiled.binds.items()
        if (process := _of(bound.type, dialect).bind_processor(dialect)) is not None
    ]
    out_of = [
        (place, process)
        for place, column in enumerate(statement.selected_columns)
        if (process := _of(column.type, dialect).result_processor(dialect, None)) is not None
    ]
    return _Compiled(str(compiled), compiled.params, compiled.positiontup, into, out_of)


def _of(declared: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return declared.dialect_impl(dialect)
