"""The typed filter: a small tree checked against a catalog's attributes, and the one reader of its JSON form.

A comparison never holds for a product without the attribute, and `Not` is the exact complement of what it holds: a
product without a colour passes `{"not": {"colour": "red"}}`. Every rendering of the tree selects the same products.

`not` and `any` are words of the language: no catalog declares an attribute of that name.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.domain.errors import Invalid
from app.domain.prefixes import beyond
from app.domain.products import AttributeType, AttributeValue, Schema, check_value

MAX_DEPTH = 20  # levels of `not` and `any`; a person writes three
MAX_TERMS = 500  # comparisons, each value of an `in` counted: Milvus reads the whole expression for every search

Bound = Literal["gt", "gte", "lt", "lte"]
Operand = str | float | bool
"""What one comparison compares with: a number is a double, a datetime its canonical text."""

_RANGED = (AttributeType.NUMBER, AttributeType.DATETIME)
_MEANT = {"or": ": any holds alternatives", "and": ": the keys of one object all have to hold"}
_BOUNDS: tuple[Bound, ...] = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds; without terms, everything passes."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one term holds; without terms, nothing passes."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "Filter"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute is one of the values; a keyword[] contains one of them. Without values, nothing passes."""

    attribute: str
    type: AttributeType
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A number, datetime or keyword lies within every bound; text is ordered by code point, which is UTF-8's order.

    A prefix is a range of keywords: no store's pattern language, with wildcards of its own, ever reads it.
    """

    attribute: str
    type: AttributeType
    bounds: tuple[tuple[Bound, str | float], ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The product has the attribute."""

    attribute: str


Filter = All | AnyOf | Not | OneOf | Range | Exists


def parse_filter(given: Mapping[str, Any], schema: Schema) -> Filter:
    """Read the JSON form of a filter; `{}` is `All(())`, which everything passes.

    Raises `Invalid` with the place as `field`: `unknown_attribute`; `attribute_type` for a value of another type;
    `bad_filter` for an unknown operator, too many terms or levels, a lower bound above the upper one, NaN.
    """
    return _Reader(schema).conjunction(given, "filter", depth=0)


class _Reader:
    """Reads one filter, counting its terms."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._terms = 0

    def conjunction(self, given: Any, where: str, depth: int) -> Filter:
        """Read one object, whose keys all have to hold."""
        if not isinstance(given, Mapping):
            raise _bad("must be an object", where)
        if depth > MAX_DEPTH:
            raise _bad(f"has more than {MAX_DEPTH} levels", "filter")
        terms: list[Filter] = []
        for key, value in given.items():
            place = f"{where}.{str(key)[:64]}"
            if key == "not":
                terms.append(Not(self.conjunction(value, place, depth + 1)))
            elif key == "any":
                terms.append(self._disjunction(value, place, depth + 1))
            else:
                terms.extend(self._comparisons(key, value, place))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _disjunction(self, given: Any, where: str, depth: int) -> Filter:
        if not isinstance(given, list):
            raise _bad("must be a list of objects", where)
        self._count(len(given))
        return AnyOf(tuple(self.conjunction(item, f"{where}[{i}]", depth) for i, item in enumerate(given)))

    def _comparisons(self, name: str, given: Any, where: str) -> Iterator[Filter]:
        declared = self._schema.get(name)
        if declared is None:
            message = f"the catalog declares no attribute {str(name)[:64]!r}{_MEANT.get(name, '')}"
            raise Invalid(message, code="unknown_attribute", field=where)
        if given is None or isinstance(given, list):
            asks = "in: […] asks for one of several" if given else "exists: false asks for products without a value"
            raise Invalid(f"{where} takes one value: {asks}", code="attribute_type", field=where)
        if not isinstance(given, Mapping):
            self._count(1)
            yield OneOf(name, declared, (_operand(given, declared, where),))
            return
        if not given:
            raise _bad("names no operator", where)
        bounds = {key: given[key] for key in _BOUNDS if key in given}
        if bounds:
            self._count(len(bounds))
            yield _range(name, declared, bounds, where)
        for operator, value in given.items():
            if operator not in bounds:
                yield self._comparison(name, declared, operator, value, f"{where}.{str(operator)[:64]}")

    def _comparison(self, name: str, declared: AttributeType, operator: str, value: Any, where: str) -> Filter:
        self._count(1)
        match operator:
            case "in" if isinstance(value, list):
                self._count(len(value))
                values = (_operand(item, declared, f"{where}[{i}]") for i, item in enumerate(value))
                return OneOf(name, declared, tuple(dict.fromkeys(values)))
            case "exists" if isinstance(value, bool):
                return Exists(name) if value else Not(Exists(name))
            case "prefix" if isinstance(value, str) and declared is AttributeType.KEYWORD:
                return _prefixed(name, str(check_value(value, declared, where)))
            case "in" | "exists" | "prefix":
                needed = {"in": "a list", "exists": "true or false", "prefix": "a text and a keyword attribute"}
                raise _bad(f"takes {needed[operator]}", where)
        raise _bad("is not an operator; there are in, gt, gte, lt, lte, exists and prefix", where)

    def _count(self, terms: int) -> None:
        self._terms += terms
        if self._terms > MAX_TERMS:
            raise _bad(f"has more than {MAX_TERMS} terms", "filter")


def _range(name: str, declared: AttributeType, given: Mapping[Bound, Any], where: str) -> Range:
    if declared not in _RANGED:
        raise _bad("cannot have bounds: only a number or a datetime has an order", where)
    if {"gt", "gte"} <= given.keys() or {"lt", "lte"} <= given.keys():
        raise _bad("has two bounds on one side", where)
    bounds: dict[Bound, Any] = {key: _operand(value, declared, f"{where}.{key}") for key, value in given.items()}
    lower = bounds.get("gt", bounds.get("gte"))
    upper = bounds.get("lt", bounds.get("lte"))
    if lower is not None and upper is not None and lower > upper:
        raise _bad("has a lower bound above its upper one", where)
    return Range(name, declared, tuple(bounds.items()))


def _prefixed(name: str, prefix: str) -> Range:
    end = beyond(prefix)
    bounds: tuple[tuple[Bound, str], ...] = (("gte", prefix),) if end is None else (("gte", prefix), ("lt", end))
    return Range(name, AttributeType.KEYWORD, bounds)


def _operand(given: Any, declared: AttributeType, where: str) -> Operand:
    """One value in the form it is compared in; what is compared with a keyword[] is one keyword."""
    if isinstance(given, float) and not math.isfinite(given):
        raise _bad("is not a finite number", where)
    single = AttributeType.KEYWORD if declared is AttributeType.KEYWORDS else declared
    value: AttributeValue = check_value(given, single, where)
    if declared is AttributeType.NUMBER:
        return float(value)  # type: ignore[arg-type]  # checked to be a number the line before
    return value  # type: ignore[return-value]  # and here not to be a list


def _bad(problem: str, where: str) -> Invalid:
    return Invalid(f"{where} {problem}", code="bad_filter", field=where)
