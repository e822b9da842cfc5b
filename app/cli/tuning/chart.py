"""Recall by search parameter as a picture: a line a band, and below what they are."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.tuning.ink import COLOURS, GRID, INK, QUIET, Point, Sheet, cut
from app.cli.tuning.legend import Entry, axis_title, legend, titles
from app.domain.errors import Invalid

WIDTH = 960
_LEFT, _TOP, _RIGHT = 92, 92, 28
_PLOT, _FOOT, _MARGIN = 340, 64, 18  # pixels: the curves, the axis under them, and what stays white at the end
_LINE = 23
_PARTS = ((3.0, (1.0, 1.25, 1.5, 1.75)), (6.0, (1.0, 1.5)), (math.inf, (1.0,)))
"""What is marked between two powers of two, by how many of them there are at most."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values of the parameter, in powers of two, and recalls lie on the picture."""

    values: tuple[float, float]
    recalls: tuple[float, float]

    def place(self, value: float, recall: float) -> Point:
        """The point of a value and its recall, in pixels."""
        low, high = (math.log2(one) for one in self.values)
        across = (math.log2(value) - low) / (high - low)
        up = (recall - self.recalls[0]) / (self.recalls[1] - self.recalls[0])
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), _TOP + (1 - up) * _PLOT


def draw(told: dict[str, Any], path: Path) -> None:
    """Write the curves of what tuning told as a PNG. Raises `Invalid` (`png`) where it cannot be written."""
    title, under = titles(told)
    across = WIDTH - _LEFT - _RIGHT
    if told["bands"]:
        entries = legend(told)
        sheet = Sheet(WIDTH, _TOP + _PLOT + _FOOT + _LINE * sum(len(one.lines) for one in entries) + _MARGIN)
        _curves(sheet, told)
        _below(sheet, entries)
    else:
        sheet = Sheet(WIDTH, _TOP + 3 * _LINE)
        sheet.text((_LEFT, _TOP + 8), f"Nothing is tuned: {told['nothing']}.", 15, QUIET)
    sheet.text((_LEFT, 18), cut(title, 20, across), 20, INK)
    sheet.text((_LEFT, 50), cut(under, 14, across), 14, QUIET)
    try:
        sheet.save(path)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror or error}", code="png", field="png") from error


def _curves(sheet: Sheet, told: dict[str, Any]) -> None:
    scale = _scale(told["bands"], told["recall"])
    _axes(sheet, scale)
    left, right = (scale.place(value, told["recall"]) for value in scale.values)
    sheet.dashes(left, right[0], QUIET)
    middle = (WIDTH + _LEFT - _RIGHT) / 2
    sheet.text((middle, _TOP + _PLOT + 30), axis_title(told), 14, INK, anchor="ma")
    sheet.upright((22, _TOP + _PLOT / 2), f"recall: share of the {told['depth']} best products found", 14, INK)
    for number, band in enumerate(told["bands"]):
        later = len(told["bands"]) - 1 - number
        _curve(sheet, scale, band, COLOURS[number % len(COLOURS)], later)


def _scale(bands: Sequence[dict[str, Any]], target: float) -> _Scale:
    points = [point for band in bands for point in band["points"]]
    values = [point["value"] for point in points]
    least = min(target, *(point["recall"] for point in points))
    floor = max(0.0, math.floor((least - 0.01) * 20) / 20)
    return _Scale((min(values) / 1.1, max(values) * 1.1), (floor, 1.0))


def _axes(sheet: Sheet, scale: _Scale) -> None:
    low, high = scale.values
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.2) if (1 - scale.recalls[0]) / one <= 6)
    for number in range(7):
        recall = 1 - number * step
        if recall >= scale.recalls[0] - 1e-9:
            left, right = scale.place(low, recall), scale.place(high, recall)
            sheet.line([left, right], GRID, 1)
            sheet.text((left[0] - 10, left[1]), f"{recall:.2f}", 13, QUIET, anchor="rm")
    for value in _marks(low, high):
        foot = scale.place(value, scale.recalls[0])
        sheet.line([foot, scale.place(value, 1.0)], GRID, 1)
        sheet.text((foot[0], foot[1] + 7), f"{value:,}", 13, QUIET, anchor="ma")


def _marks(low: float, high: float) -> Iterator[int]:
    """Powers of two, and where there is room for their numbers some between, too."""
    powers = range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)
    parts = next(some for most, some in _PARTS if math.log2(high / low) <= most)
    marks = {round(part * 2**power) for power in powers for part in parts}
    yield from sorted(mark for mark in marks if low <= mark <= high)


def _curve(sheet: Sheet, scale: _Scale, band: dict[str, Any], colour: str, later: int) -> None:
    """A band, broader where `later` ones come, so that what lies under them is seen too."""
    places = [scale.place(point["value"], point["recall"]) for point in band["points"]]
    if len(places) > 1:
        sheet.line(places, colour, 2 + later)
    for place in places:
        sheet.dot(place, 3 + later, colour)
    (value,) = band["search_params"].values()
    sheet.ring(scale.place(value, band["recall"]), 8 + 4 * later, colour)


def _below(sheet: Sheet, entries: Sequence[Entry]) -> None:
    top: float = _TOP + _PLOT + _FOOT
    for entry in entries:
        mark = (_LEFT, top + _LINE / 2)
        if entry.mark == "dashes":
            sheet.dashes(mark, _LEFT + 28, QUIET)
        elif entry.mark == "ring":
            sheet.ring((_LEFT + 14, mark[1]), 8, QUIET)
        else:
            sheet.line([mark, (_LEFT + 28, mark[1])], entry.mark, 3)
        for line in entry.lines:
            sheet.text((_LEFT + 40, top + _LINE / 2), line, 14, INK, anchor="lm")
            top += _LINE
