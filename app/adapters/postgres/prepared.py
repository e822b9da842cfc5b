"""Statements that every query runs: compiled once, run by the driver itself.

SQLAlchemy's way from a statement to its rows costs several times what such a statement costs the database, and most
after a pause, when none of its code is left in the processor's caches.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

_Process = Callable[[Any], Any]


_BY_NAME = re.compile(r"%\((\w+)\)s")
_KNOWN = "vitrine_prepared"

# What Postgres says of a statement that it was to run by its name.
_UNKNOWN = "26000"  # nobody prepared it: this is another session than it was, behind a pooler
_THERE = "42P05"  # somebody has prepared it, there too; of one name is only one text
_OUTDATED = "0A000"  # a migration has changed what its columns are


class Prepared:
    """A SELECT that is given the same names every time. It begins no transaction, and sees one that was begun.

    Outside of one Postgres too keeps its plan, which takes it longer to make than to follow.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows, their columns as the statement's types say; raises what SQLAlchemy would raise."""
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = _compile(self._statement, connection.dialect)
        driver, failure = connection.connection, connection.dialect.loaded_dbapi.Error
        try:
            with closing(driver.cursor()) as cursor:
                if compiled.named is not None and cursor.connection.autocommit:
                    compiled.named.execute(cursor, compiled, values, driver.info.setdefault(_KNOWN, set()), failure)
                else:
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
class _Named:
    """A statement that Postgres keeps for a session by the digest of its text."""

    name: str
    prepare: str
    run: str

    def execute(
        self, cursor: Any, compiled: "_Compiled", values: Mapping[str, Any], known: set[str], failure: type[Exception]
    ) -> None:
        """Run it by its name, and by its text where that cannot be: no failure here ends a transaction."""
        parameters = compiled.parameters(values)
        try:
            if self.name not in known:
                cursor.execute(self.prepare)
                known.add(self.name)
            cursor.execute(self.run, parameters)
        except failure as error:
            code = getattr(error, "pgcode", None)
            if code not in (_UNKNOWN, _THERE, _OUTDATED):
                raise
            if code == _THERE:
                known.add(self.name)
            else:
                known.discard(self.name)
            if code == _OUTDATED:
                cursor.execute(f"DEALLOCATE {self.name}")
            cursor.execute(compiled.text, parameters)


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    constants: Mapping[str, Any]
    order: Sequence[str] | None
    into: Sequence[tuple[str, _Process]]
    out_of: Sequence[tuple[int, _Process]]
    named: _Named | None

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The values as the driver takes them: by position where it knows no names."""
        given = {**self.constants, **values}
        for name, process in self.into:
            given[name] = process(given[name])
        return given if self.order is None else [given[name] for name in self.order]

    def read(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """The driver's rows as the columns' types say, which may be as they are."""
        if not self.out_of:
            return rows
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
    text = str(compiled)
    named = _named(text) if dialect.name == "postgresql" else None
    return _Compiled(text, compiled.params, compiled.positiontup, into, out_of, named)


def _named(text: str) -> _Named:
    names = list(dict.fromkeys(_BY_NAME.findall(text)))
    numbered = _BY_NAME.sub(lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")
    name = "vitrine_" + blake2b(numbered.encode(), digest_size=8).hexdigest()
    given = ", ".join(f"%({one})s" for one in names)
    return _Named(name, f"PREPARE {name} AS {numbered}", f"EXECUTE {name} ({given})" if names else f"EXECUTE {name}")


def _of(declared: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return declared.dialect_impl(dialect)
