"""Which conditions of a filter let a product pass, or keep it out, said with the product's own values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.domain.filters import Filter, parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeValue, Schema

MAX_TOLD = 200
"""Characters of a value, and of what is asked of it: an `in` has hundreds of values, and every hit of an answer would
repeat them."""

MAX_CONDITIONS = 50
"""That are told of a product: more than a person reads, of the hundreds that a filter may have."""

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

    Each of several operators on one attribute is a condition. `value` is None where the product has none; it and
    `stated` are None too where the words for them are longer than `MAX_TOLD`, and `detail` has their beginning.
    """

    place: str
    stated: Mapping[str, Any] | None
    detail: str
    """In words: `colour is blue, asked: red`."""
    value: AttributeValue | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition as it was read: one operator on one attribute, and in words what it asks for."""

    place: str
    stated: Mapping[str, Any] | None
    attribute: str
    where: Filter
    asked: str

    def told_of(self, attributes: Mapping[str, AttributeValue]) -> Condition:
        """The condition with what a product has."""
        value = attributes.get(self.attribute)
        words = _told(value)
        has = f"there is no {self.attribute}" if value is None else f"{self.attribute} is {_cut(words)}"
        kept = value if len(words) <= MAX_TOLD else None
        return Condition(self.place, self.stated, f"{has}, asked: {self.asked}", kept)


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions of which all, any or none have to hold; of `none` there is one term."""

    place: str
    how: Literal["all", "any", "none"]
    terms: Sequence["Comparison | Joined"]

    def told_of(self, attributes: Mapping[str, AttributeValue]) -> Condition:
        """One without a condition in it, which holds for every product or for none."""
        holds, _ = _outcome(self, attributes)
        return Condition(self.place, None, f"{self.place} {'always' if holds else 'never'} holds")


def read_conditions(given: Mapping[str, Any], schema: Schema) -> Joined:
    """The conditions of a filter, as its JSON, that could be read: once for all products that are asked about."""
    return _Reader(schema).conjunction(given, "filter")


def deciding(read: Joined, attributes: Mapping[str, AttributeValue]) -> list[Condition]:
    """The conditions of a filter that decide whether a product with these attributes passes it.

    Of keys that all have to hold, where one does not: those that do not. Of the branches of `any`, where none holds:
    all, and else those that do. Of a `not`: those that decide what it denies. Beyond `MAX_CONDITIONS` a last one
    tells how many there are more.
    """
    _, found = _outcome(read, attributes)
    told = [one.told_of(attributes) for one in found[:MAX_CONDITIONS]]
    more = len(found) - len(told)
    return [*told, Condition(read.place, None, f"and {more} more conditions")] if more else told


def _outcome(
    read: Comparison | Joined, attributes: Mapping[str, AttributeValue]
) -> tuple[bool, Sequence[Comparison | Joined]]:
    """Whether it holds, and what decides that."""
    if isinstance(read, Comparison):
        return passes(read.where, attributes), [read]
    each = [_outcome(term, attributes) for term in read.terms]
    if read.how == "none":
        ((inner, found),) = each
        return not inner, found or [read]
    holds = (all if read.how == "all" else any)(outcome for outcome, _ in each)
    same = [one for outcome, some in each if outcome is holds for one in some]
    return holds, same or ([] if read.how == "all" else [read])


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def conjunction(
        self, given: Mapping[str, Any], place: str, denied: bool = False, either: str | None = None
    ) -> Joined:
        """Read an object; `denied`: an odd number of `not` stands before it.

        It may be part of `either` of the conditions at a place, one of which is enough. So is one of those of an
        object that is denied.
        """
        if denied and sum(map(_conditions, given.keys(), given.values())) > 1:
            either = place
        terms = [
            term for key, value in given.items() for term in self._terms(key, value, f"{place}.{key}", denied, either)
        ]
        return Joined(place, "all", terms)

    def _terms(
        self, key: str, value: Any, place: str, denied: bool, either: str | None
    ) -> Iterator[Comparison | Joined]:
        if key == "not":
            yield Joined(place, "none", [self.conjunction(value, place, not denied, either)])
        elif key == "any":
            if len(value) > 1 and not denied:
                either = place
            branches = [self.conjunction(one, f"{place}[{i}]", denied, either) for i, one in enumerate(value)]
            yield Joined(place, "any", branches)
        elif isinstance(value, Mapping):
            for operator, operand in value.items():
                yield self._comparison(key, {operator: operand}, f"{place}.{operator}", denied, either)
        else:
            yield self._comparison(key, value, place, denied, either)

    def _comparison(self, name: str, asked: Any, place: str, denied: bool, either: str | None) -> Comparison:
        stated = {name: asked}
        words = f"{'not ' if denied else ''}{_in_words(asked)}"
        told = _cut(words) + (f", or another of {either}" if either else "")
        where = parse_filter(stated, self._schema)
        return Comparison(place, stated if len(words) <= MAX_TOLD else None, name, where, told)


def _conditions(key: str, value: Any) -> int:
    """How many a key of an object stands for."""
    return len(value) if isinstance(value, Mapping) and key != "not" else 1


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


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD else text[: MAX_TOLD - 1] + "…"
