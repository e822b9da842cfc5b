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

_ABSENT = -1
_ANSWERS = 64  # comparisons whose answers are kept: a shop's filters come again and again

_Distinct = str | bool | tuple[str, ...]
"""A value that is no number; the values of a keyword[] are one."""


class Column:
    """The values of one attribute, by row. Its arrays have room for more rows than there are."""

    def __init__(self, room: int) -> None:
        self.numbers = np.full(room, np.nan)
        """The rows' numbers, as doubles; NaN where a row has none."""
        self.codes: NDArray[np.int32] = np.full(room, _ABSENT, dtype=np.int32)
        """The places of the rows' values in `values`; -1 where a row has none, or a number."""
        self.values: list[_Distinct] = []
        self._places: dict[tuple[type, _Distinct], int] = {}
        self._answers: OrderedDict[OneOf | Range, Mask] = OrderedDict()

    @property
    def distinct(self) -> int:
        """How many distinct values were ever held, without numbers."""
        return len(self.values)

    def grow(self, room: int) -> None:
        """Make room for so many rows."""
        more = room - len(self.codes)
        self.numbers = np.concatenate([self.numbers, np.full(more, np.nan)])
        self.codes = np.concatenate([self.codes, np.full(more, _ABSENT, dtype=np.int32)])

    def clear(self, row: int) -> None:
        """Let a row have no value."""
        self.numbers[row] = np.nan
        self.codes[row] = _ABSENT

    def set(self, row: int, value: AttributeValue) -> None:
        """Let a row have a value."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers[row], self.codes[row] = float(value), _ABSENT
            return
        kept: _Distinct = tuple(value) if isinstance(value, list) else value
        key = type(kept), kept  # in Python True is 1, and both are one key
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.values)
            self.values.append(kept)
        self.numbers[row], self.codes[row] = np.nan, place

    def holds(self, where: OneOf | Range | Exists) -> Mask:
        """For which rows a comparison holds, rows without a value among those for which it does not."""
        match where:
            case Exists():
                held: Mask = (self.codes != _ABSENT) | ~np.isnan(self.numbers)
                return held
            case OneOf(_, AttributeType.NUMBER, values):
                return self._numbers_among(values)
            case Range(_, AttributeType.NUMBER, bounds):
                within: Mask = ~np.isnan(self.numbers)
                for bound, limit in bounds:
                    within &= COMPARE[bound](self.numbers, limit)
                return within
            case OneOf(_, AttributeType.KEYWORDS, values):
                return self._gathered(self._decided(where, _holding(values)))
            case OneOf(_, _, values):
                return self._gathered(self._one_of(values))
            case Range(_, _, bounds):
                return self._gathered(self._decided(where, _within(bounds)))

    def _numbers_among(self, values: Sequence[Operand]) -> Mask:
        found: Mask = np.isin(self.numbers, np.array(values, dtype=np.float64))
        return found

    def _gathered(self, of_values: Mask) -> Mask:
        found: Mask = of_values[self.codes]
        return found

    def _one_of(self, values: Sequence[Operand]) -> Mask:
        """Which distinct values are among these; as `_decided`."""
        found = np.zeros(len(self.values) + 1, dtype=np.bool_)
        places = (self._places.get((type(value), value)) for value in values)  # type: ignore[arg-type]  # no number
        found[[place for place in places if place is not None]] = True
        return found

    def _decided(self, where: OneOf | Range, decide: Callable[[_Distinct], bool]) -> Mask:
        """Which distinct values a comparison holds for; one place more at the end is of rows without a value.

        What was decided once is kept: values only ever come.
        """
        kept = self._answers.pop(where, np.zeros(1, dtype=np.bool_))
        if len(kept) <= len(self.values):
            more = np.fromiter(map(decide, islice(self.values, len(kept) - 1, None)), dtype=np.bool_)
            kept = np.concatenate([kept[:-1], more, kept[-1:]])
        self._answers[where] = kept
        if len(self._answers) > _ANSWERS:
            self._answers.popitem(last=False)
        return kept


def _holding(values: Sequence[Operand]) -> Callable[[_Distinct], bool]:
    wanted = frozenset(values)
    return lambda value: isinstance(value, tuple) and not wanted.isdisjoint(value)


def _within(bounds: Sequence[tuple[Bound, str | float]]) -> Callable[[_Distinct], bool]:
    tests = [(COMPARE[bound], limit) for bound, limit in bounds]
    return lambda value: isinstance(value, str) and all(test(value, limit) for test, limit in tests)
