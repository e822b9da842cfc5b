"""Renders a filter to SQL over a JSON column: the same selection on SQLite and Postgres, values as bound parameters.

Each construct below is null where the attribute is missing or of another type, so that no cast can fail. Negation is
pushed down to the comparisons, where null counts as "does not hold": three-valued logic never decides a filter.
"""

import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Text, and_, bindparam, false, func, not_, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.domain.filters import All, AnyOf, Bound, Exists, Filter, Not, OneOf, Range
from app.domain.products import AttributeType

_COMPARE: dict[Bound, Callable[[Any, Any], ColumnElement[bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def filter_clause(where: Filter, attributes: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that a row's `attributes`, a JSON column (JSONB on Postgres), pass the filter."""
    return _clause(where, attributes, holds=True)


def _clause(where: Filter, attributes: ColumnElement[Any], *, holds: bool) -> ColumnElement[bool]:
    match where:
        case Not(term):
            return _clause(term, attributes, holds=not holds)
        case All(terms) | AnyOf(terms):
            clauses = [_clause(term, attributes, holds=holds) for term in terms]
            if isinstance(where, All) is holds:
                return and_(true(), *clauses)
            return or_(false(), *clauses)
        case _:
            test = _comparison(where, attributes)
            return test if holds else not_(func.coalesce(test, false()))


def _comparison(where: OneOf | Range | Exists, attributes: ColumnElement[Any]) -> ColumnElement[bool]:
    match where:
        case Exists(attribute):
            return _Has(attributes, attribute)
        case OneOf(attribute, AttributeType.KEYWORDS, values):
            return or_(false(), *(_Holds(attributes, attribute, bindparam(None, value, Text())) for value in values))
        case OneOf(attribute, declared, values):
            return _value(attributes, attribute, declared).in_(values)
        case Range(attribute, declared, bounds):
            value = _value(attributes, attribute, declared)
            return and_(true(), *(_COMPARE[bound](value, limit) for bound, limit in bounds))


def _value(attributes: ColumnElement[Any], attribute: str, declared: AttributeType) -> ColumnElement[Any]:
    match declared:
        case AttributeType.NUMBER:
            return _Number(attributes, attribute)
        case AttributeType.BOOLEAN:
            return _Truth(attributes, attribute)
        case _:
            return _Text(attributes, attribute)


class _OfAttribute(FunctionElement[Any]):
    """A function of one attribute: its arguments are the column, the name (Postgres) and the path (SQLite)."""

    inherit_cache = True

    def __init__(self, attributes: ColumnElement[Any], attribute: str, *more: ColumnElement[Any]) -> None:
        # The name cannot hold a quote: catalogs refuse it.
        super().__init__(
            attributes, bindparam(None, attribute, Text()), bindparam(None, f'$."{attribute}"', Text()), *more
        )


class _Has(_OfAttribute):
    type = Boolean()
    inherit_cache = True


class _Holds(_OfAttribute):
    type = Boolean()
    inherit_cache = True


class _Text(_OfAttribute):
    type = Text()
    inherit_cache = True


class _Number(_OfAttribute):
    type = Double()
    inherit_cache = True


class _Truth(_OfAttribute):
    type = Boolean()
    inherit_cache = True


_POSTGRES: dict[type[_OfAttribute], str] = {
    _Has: "jsonb_exists({column}, {name})",
    _Holds: "jsonb_exists({column} -> {name}, {value})",
    # By bytes, which is by code point: a database's own collation knows other orders.
    _Text: "(CASE WHEN jsonb_typeof({column} -> {name}) = 'string' THEN {column} ->> {name} END) COLLATE \"C\"",
    _Number: "CASE WHEN jsonb_typeof({column} -> {name}) = 'number'"
    " THEN CAST({column} ->> {name} AS double precision) END",
    _Truth: "CASE WHEN jsonb_typeof({column} -> {name}) = 'boolean' THEN CAST({column} ->> {name} AS boolean) END",
}
_SQLITE: dict[type[_OfAttribute], str] = {
    _Has: "json_type({column}, {path}) IS NOT NULL",
    _Holds: "EXISTS (SELECT 1 FROM json_each({column}, {path}) WHERE json_each.value = {value})",
    _Text: "CASE WHEN json_type({column}, {path}) = 'text' THEN json_extract({column}, {path}) END",
    _Number: "CASE WHEN json_type({column}, {path}) IN ('integer', 'real')"
    " THEN CAST(json_extract({column}, {path}) AS REAL) END",
    _Truth: "CASE json_type({column}, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
}


@compiles(_OfAttribute, "postgresql")
def _on_postgres(element: _OfAttribute, compiler: SQLCompiler, **kw: Any) -> str:
    column, name, _, *value = element.clauses
    given = {"column": compiler.process(column, **kw), "name": compiler.process(name, **kw)}
    return _filled(_POSTGRES[type(element)], given, value, compiler, kw)


@compiles(_OfAttribute, "sqlite")
def _on_sqlite(element: _OfAttribute, compiler: SQLCompiler, **kw: Any) -> str:
    column, _, path, *value = element.clauses
    given = {"column": compiler.process(column, **kw), "path": compiler.process(path, **kw)}
    return _filled(_SQLITE[type(element)], given, value, compiler, kw)


def _filled(
    template: str, given: dict[str, str], value: list[ColumnElement[Any]], compiler: SQLCompiler, kw: dict[str, Any]
) -> str:
    for item in value:
        given["value"] = compiler.process(item, **kw)
    return f"({template.format(**given)})"
