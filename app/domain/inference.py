"""The types of attributes that nobody declared, and values written as text read as what was declared."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.products import MAX_KEYWORD_BYTES, AttributeType, Schema

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_CODE = re.compile(r"[+-]?0\d")  # 007 is an article's code: as a number it would lose its zeros
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_NARROW = (AttributeType.BOOLEAN, AttributeType.NUMBER, AttributeType.DATETIME, AttributeType.KEYWORDS)
_MOST = 0.5  # share of values that a type must fit for the others to look like slips
_TEXT_LENGTH = 100  # characters on average; longer is prose, which nobody filters by its exact value


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An attribute that some values keep from being of the type `almost`; the first of them is `value`, on `line`."""

    name: str
    declared: AttributeType
    almost: AttributeType
    values: int
    misfits: int
    line: int
    value: Any


class Inference:
    """What the rows of a manifest say about the types of their attributes."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}

    def observe(self, attributes: Mapping[str, Any], line: int) -> None:
        """Take in one row. Values are text, as CSV has it, or JSON."""
        for name, value in attributes.items():
            self._columns.setdefault(name, _Column()).observe(value, line)

    def schema(self) -> dict[str, AttributeType]:
        """The narrowest type that every value of an attribute has, by attribute, in order of appearance.

        Tried in order: boolean (true, false, yes, no), number, datetime (ISO 8601), keyword[] (JSON lists); else
        text where the values have more than 100 characters on average or one of them is too long for a keyword; else
        keyword. An attribute without any value is left out.
        """
        return {name: column.type() for name, column in self._columns.items()}

    def near_misses(self) -> list[NearMiss]:
        """The attributes most of whose values have a narrower type than they got: the others may be slips."""
        found = ((name, column, column.almost()) for name, column in self._columns.items())
        return [
            NearMiss(name, column.type(), almost, column.values, column.misfits[almost], *column.first[almost])
            for name, column, almost in found
            if almost is not None
        ]


def infer_schema(rows: Iterable[Mapping[str, Any]]) -> dict[str, AttributeType]:
    """The types of the attributes of some rows; see `Inference.schema`."""
    inference = Inference()
    for line, attributes in enumerate(rows, start=1):
        inference.observe(attributes, line)
    return inference.schema()


@dataclass(slots=True)
class _Column:
    """What was seen of one attribute so far; `first` holds the line and the value of the first misfit of a type."""

    misfits: dict[AttributeType, int] = field(default_factory=lambda: dict.fromkeys(_NARROW, 0))
    first: dict[AttributeType, tuple[int, Any]] = field(default_factory=dict)
    values: int = 0
    characters: int = 0
    longest: int = 0

    def observe(self, value: Any, line: int) -> None:
        for declared in _NARROW:
            if not _reads_as(value, declared):
                self.misfits[declared] += 1
                self.first.setdefault(declared, (line, value))
        self.values += 1
        if isinstance(value, str):
            self.characters += len(value)
            self.longest = max(self.longest, len(value.encode(errors="replace")))

    def type(self) -> AttributeType:
        for declared in _NARROW:
            if not self.misfits[declared]:
                return declared
        prose = self.characters > _TEXT_LENGTH * self.values or self.longest > MAX_KEYWORD_BYTES
        return AttributeType.TEXT if prose else AttributeType.KEYWORD

    def almost(self) -> AttributeType | None:
        """The type that most values have, where not all have it and no other type fits."""
        nearest = min(_NARROW, key=lambda declared: self.misfits[declared])
        return nearest if 0 < self.misfits[nearest] < self.values * _MOST else None


def _reads_as(value: Any, declared: AttributeType) -> bool:
    if isinstance(value, str):
        if declared is AttributeType.KEYWORDS:
            return _json_list(value) is not None
        if declared is AttributeType.NUMBER and _CODE.match(value.strip()):
            return False
        if declared is AttributeType.DATETIME:
            return _is_datetime(value.strip())
        return not isinstance(coerce_value(value, declared), str)
    return {
        AttributeType.BOOLEAN: isinstance(value, bool),
        AttributeType.NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        AttributeType.KEYWORDS: isinstance(value, list),
    }.get(declared, False)


def coerce(attributes: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Read every value as the type its attribute was declared with; see `coerce_value`."""
    return {
        name: coerce_value(value, schema[name]) if name in schema else value for name, value in attributes.items()
    }


def coerce_value(value: Any, declared: AttributeType) -> Any:
    """Read `value` as `declared`: "12.5" as 12.5, "yes" as True, "S|M" or '["S", "M"]' as a list, 2011 as "2011".

    Nothing between two bars is no value of a list. A value that cannot be read so comes back as it is;
    `check_attributes` then refuses it, naming the attribute.
    """
    match declared:
        case AttributeType.NUMBER if isinstance(value, str):
            return _number(value.strip())
        case AttributeType.BOOLEAN if isinstance(value, str):
            return _BOOLEANS.get(value.strip().lower(), value)
        case AttributeType.DATETIME if isinstance(value, str):
            return value.strip()
        case AttributeType.KEYWORDS:
            items = _json_list(value) if isinstance(value, str) else value
            if items is None:
                items = [item.strip() for item in value.split("|") if item.strip()]
            return [_word(item) for item in items] if isinstance(items, list) else value
        case AttributeType.KEYWORD | AttributeType.TEXT:
            return _word(value)
    return value


def _word(value: Any) -> Any:
    """A number or boolean as JSON writes it; anything else as it is."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _number(text: str) -> int | float | str:
    if len(text) > 400 or not _NUMBER.fullmatch(text):  # no finite double is written longer
        return text
    number = float(text) if any(mark in text for mark in ".eE") else int(text)
    return number if math.isfinite(number) and abs(number) < 2**63 else text


def _is_datetime(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _json_list(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None
