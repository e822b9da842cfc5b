"""Which conditions of a filter let a product pass, or keep it out, said with the product's own values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.filters import parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeValue, Schema

_ASKED = {
    "gt": "above {}",
    "gte": "at least {}",
    "lt": "below {}",
    "lte": "at most {}",
    "in": "one of {}",
    "prefix": "beginning with {}",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a filter: its place there, the condition as a filter by itself, and what the product has.

    Each of several operators on one attribute is a condition. `value` is None where the product has none.
    """

    place: str
    stated: Mapping[str, Any]
    detail: str
    """In words: `colour is blue, asked: red`."""
    value: AttributeValue | None = None


def deciding(given: Mapping[str, Any], schema: Schema, attributes: Mapping[str, AttributeValue]) -> list[Condition]:
    """The conditions of a filter, as its JSON, that decide whether a product with these attributes passes it.

    Of keys that all have to hold, where one does not: those that do not. Of the branches of `any`, where none holds:
    all, and else those that do. Of a `not`: those that decide what it denies. The filter is one that could be read.
    """
    return list(_Reader(schema, attributes).conjunction(given, "filter"))


class _Reader:
    def __init__(self, schema: Schema, attributes: Mapping[str, AttributeValue]) -> None:
        self._schema, self._attributes = schema, attributes

    def conjunction(self, given: Mapping[str, Any], place: str, *, denied: bool = False) -> Iterator[Condition]:
        """What decides about an object; `denied`: an odd number of `not` stands before it."""
        outcome = self._holds(given)
        for key, value in given.items():
            where = f"{place}.{key}"
            if key not in ("not", "any"):
                yield from self._comparisons(key, value, where, outcome, denied=denied)
            elif self._holds({key: value}) is outcome:
                inner = list(self._branches(key, value, where, denied=denied))
                always = f"{where} {'always' if outcome else 'never'} holds"
                yield from inner or [Condition(where, {key: value}, always)]

    def _branches(self, key: str, value: Any, place: str, *, denied: bool) -> Iterator[Condition]:
        if key == "not":
            yield from self.conjunction(value, place, denied=not denied)
            return
        outcome = self._holds({key: value})
        for number, branch in enumerate(value):
            if self._holds(branch) is outcome:
                yield from self.conjunction(branch, f"{place}[{number}]", denied=denied)

    def _comparisons(self, name: str, asked: Any, place: str, outcome: bool, *, denied: bool) -> Iterator[Condition]:
        """Those on one attribute whose outcome is the one that decides."""
        each = {place: asked}
        if isinstance(asked, Mapping):
            each = {f"{place}.{operator}": {operator: operand} for operator, operand in asked.items()}
        value = self._attributes.get(name)
        has = f"there is no {name}" if value is None else f"{name} is {_told(value)}"
        for where, one in each.items():
            if self._holds({name: one}) is outcome:
                words = f"{has}, asked: {'not ' if denied else ''}{_in_words(one)}"
                yield Condition(where, {name: one}, words, value)

    def _holds(self, given: Mapping[str, Any]) -> bool:
        return passes(parse_filter(given, self._schema), self._attributes)


def _in_words(asked: Any) -> str:
    if not isinstance(asked, Mapping):
        return _told(asked)
    ((operator, operand),) = asked.items()
    if operator == "exists":
        return "any value" if operand else "no value"
    return _ASKED.get(operator, f"{operator} {{}}").format(_told(operand))


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_told, value)) or "nothing"
    return str(value)
