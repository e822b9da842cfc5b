"""One attribute of many products: a number a row, or the place of its value among the distinct ones."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from app.domain.filters import Bound, Exists, OneOf, Operand, Range
from app.domain.passing import COMPARE
from app.domain.products import AttributeType, AttributeValue

Mask = NDArray[np.bool_]

ABSENT = -1
"""The code of a row without a value."""

_ANSWERS = 16  # comparisons whose answers are kept, a byte a distinct value: a shop's filters come again and again

Value = str | bool | tuple[str, ...]
"""A value that is no number; the values of a keyword[] are one."""


class Distinct:
    """The distinct values of one attribute, numbers aside, of which none ever changes or goes. Safe for threads."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._moments: NDArray[np.bytes_] = np.empty(0, dtype="S27")

    def moments(self) -> NDArray[np.bytes_]:
        """They, where they are datetimes: all are of one length, and their bytes are in the order of time."""
        moments = self._moments
        if len(moments) < len(self.values):
            more = [value if isinstance(value, str) else "" for value in self.values[len(moments) :]]
            moments = self._moments = np.concatenate([moments, np.array(more, dtype="S27")])
        return moments


class Column:
    """The values of one attribute, by row. Its arrays have room for more rows than there are."""

    def __init__(self, room: int) -> None:
        self.numbers = np.full(room, np.nan)
        """The rows' numbers, as doubles; NaN where a row has none."""
        self.codes: NDArray[np.int32] = np.full(room, ABSENT, dtype=np.int32)
        """The places of the rows' values among the distinct ones; -1 where a row has none, or a number."""
        self.distinct = Distinct()
        self._places: dict[tuple[type, Value], int] = {}
        self._answers: OrderedDict[OneOf | Range, Mask] = OrderedDict()

    @property
    def values(self) -> Sequence[Value]:
        """The distinct values."""
        return self.distinct.values

    def copy(self, rows: int) -> "Column":
        """What its first rows have now."""
        copied = Column(0)
        copied.numbers, copied.codes = self.numbers[:rows].copy(), self.codes[:rows].copy()
        copied.distinct = self.distinct
        return copied

    def grow(self, room: int) -> None:
        """Make room for so many rows."""
        more = room - len(self.codes)
        self.numbers = np.concatenate([self.numbers, np.full(more, np.nan)])
        self.codes = np.concatenate([self.codes, np.full(more, ABSENT, dtype=np.int32)])

    def clear(self, row: int) -> None:
        """Let a row have no value."""
        self.numbers[row] = np.nan
        self.codes[row] = ABSENT

    def set(self, row: int, value: AttributeValue) -> None:
        """Let a row have a value."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers[row], self.codes[row] = float(value), ABSENT
            return
        kept: Value = tuple(value) if isinstance(value, list) else value
        key = type(kept), kept  # in Python True is 1, and both are one key
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.distinct.values)
            self.distinct.values.append(kept)
        self.numbers[row], self.codes[row] = np.nan, place

    def keys(self, rows: NDArray[np.intp]) -> NDArray[np.integer]:
        """A number for each of these rows, the same where the values are the same; `ABSENT` without one."""
        numbers = self.numbers[rows]
        held = ~np.isnan(numbers)
        if not held.any():
            return self.codes[rows]
        keys = np.full(len(rows), ABSENT)
        keys[held] = np.unique(numbers[held], return_inverse=True)[1]
        return keys

    def holds(self, where: OneOf | Range | Exists) -> Mask:
        """For which rows a comparison holds, rows without a value among those for which it does not."""
        if isinstance(where, Exists):
            held: Mask = (self.codes != ABSENT) | ~np.isnan(self.numbers)
            return held
        if where.type is AttributeType.NUMBER:
            return self._numbers_hold(where)
        found: Mask = self._values_hold(where)[self.codes]
        return found

    def _numbers_hold(self, where: OneOf | Range) -> Mask:
        if isinstance(where, OneOf):
            among: Mask = np.isin(self.numbers, np.array(where.values, dtype=np.float64))
            return among
        within: Mask = ~np.isnan(self.numbers)
        for bound, limit in where.bounds:
            within &= COMPARE[bound](self.numbers, limit)
        return within

    def _values_hold(self, where: OneOf | Range) -> Mask:
        """Which distinct values a comparison holds for; one place more at the end is of rows without a value."""
        match where:
            case OneOf(_, AttributeType.KEYWORDS, values):
                return self._decided(where, _holding(values))
            case OneOf(_, _, values):
                return self._one_of(values)
            case Range(_, AttributeType.DATETIME, bounds):
                return self._between(bounds)
            case Range(_, _, bounds):
                return self._decided(where, _within(bounds))

    def _one_of(self, values: Sequence[Operand]) -> Mask:
        found = np.zeros(len(self.values) + 1, dtype=np.bool_)
        places = (self._places.get((type(value), value)) for value in values)  # type: ignore[arg-type]  # no number
        found[[place for place in places if place is not None]] = True
        return found

    def _between(self, bounds: Sequence[tuple[Bound, str | float]]) -> Mask:
        moments = self.distinct.moments()
        found = np.append(moments != b"", False)
        for bound, limit in bounds:
            found[:-1] &= COMPARE[bound](moments, str(limit).encode())
        return found

    def _decided(self, where: OneOf | Range, decide: Callable[[Value], bool]) -> Mask:
        """Value by value; what was decided once is kept, for values only ever come."""
        kept = self._answers.pop(where, np.zeros(1, dtype=np.bool_))
        if len(kept) <= len(self.values):
            more = np.fromiter(map(decide, islice(self.values, len(kept) - 1, None)), dtype=np.bool_)
            kept = np.concatenate([kept[:-1], more, kept[-1:]])
        self._answers[where] = kept
        if len(self._answers) > _ANSWERS:
            self._answers.popitem(last=False)
        return kept


def _holding(values: Sequence[Operand]) -> Callable[[Value], bool]:
    wanted = frozenset(values)
    return lambda value: isinstance(value, tuple) and not wanted.isdisjoint(value)


def _within(bounds: Sequence[tuple[Bound, str | float]]) -> Callable[[Value], bool]:
    tests = [(COMPARE[bound], limit) for bound, limit in bounds]
    return lambda value: isinstance(value, str) and all(test(value, limit) for test, limit in tests)
