"""Recall by search parameter as a picture: a line a band, drawn at three times the size and made smaller."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from app.domain.errors import Invalid
from app.domain.tuning import UNMEASURED

SIZE = (960, 560)
_LARGER = 3  # lines of Pillow have stairs, which are gone once three pixels are one
_LEFT, _TOP, _RIGHT, _BOTTOM = 74, 56, 28, 150
_INK, _QUIET, _GRID = "#1f2430", "#6b7280", "#e3e6eb"
_COLOURS = ("#2457d6", "#d9730d", "#128a5a", "#a3348f")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values of the parameter, in powers of two, and recalls lie on the picture."""

    values: tuple[float, float]
    recalls: tuple[float, float]

    def place(self, value: float, recall: float) -> Point:
        """The point of a value and its recall, in pixels of the larger picture."""
        low, high = (math.log2(one) for one in self.values)
        across = (math.log2(value) - low) / (high - low)
        up = (recall - self.recalls[0]) / (self.recalls[1] - self.recalls[0])
        width, height = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM
        return (_LEFT + across * width) * _LARGER, (_TOP + (1 - up) * height) * _LARGER


def draw(told: dict[str, Any], path: Path) -> None:
    """Write the curves of what tuning told as a PNG. Raises `Invalid` (`png`) where it cannot be written."""
    picture = Image.new("RGB", (SIZE[0] * _LARGER, SIZE[1] * _LARGER), "white")
    pen = ImageDraw.Draw(picture)
    name = next((one for band in told["bands"] for one in band["search_params"]), "")
    _text(pen, (_LEFT, 18), f"Recall of the best {told['depth']} products by {name or 'parameter'}", 20, _INK)
    if told["bands"]:
        scale = _scale(told["bands"])
        _axes(pen, scale, told["recall"])
        for number, band in enumerate(told["bands"]):
            _curve(pen, scale, band, _COLOURS[number % len(_COLOURS)], number)
    else:
        _text(pen, (_LEFT, 60), f"Nothing is tuned: {told.get('nothing', UNMEASURED)}.", 15, _QUIET)
    try:
        picture.resize(SIZE, Image.Resampling.LANCZOS).save(path, "PNG")
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror or error}", code="png", field="png") from error


def _scale(bands: Sequence[dict[str, Any]]) -> _Scale:
    points = [point for band in bands for point in band["points"]]
    values = [point["value"] for point in points]
    least = min(point["recall"] for point in points)
    floor = max(0.0, math.floor((least - 0.01) * 20) / 20)
    return _Scale((min(values) / 1.1, max(values) * 1.1), (floor, 1.0))


def _axes(pen: ImageDraw.ImageDraw, scale: _Scale, target: float) -> None:
    low, high = scale.values
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.2) if (1 - scale.recalls[0]) / one <= 6)
    for number in range(7):
        recall = 1 - number * step
        if recall >= scale.recalls[0] - 1e-9:
            left, right = scale.place(low, recall), scale.place(high, recall)
            pen.line([left, right], _GRID, _LARGER)
            _text(pen, (30, left[1] / _LARGER - 8), f"{recall:.2f}", 13, _QUIET)
    for value in _marks(low, high):
        foot = scale.place(value, scale.recalls[0])
        pen.line([foot, scale.place(value, 1.0)], _GRID, _LARGER)
        _text(pen, (foot[0] / _LARGER - 4 * len(str(value)), foot[1] / _LARGER + 6), str(value), 13, _QUIET)
    left, right = scale.place(low, target), scale.place(high, target)
    for x in range(int(left[0]), int(right[0]), 8 * _LARGER):
        pen.line([(x, left[1]), (x + 4 * _LARGER, left[1])], _QUIET, _LARGER)


def _marks(low: float, high: float) -> Iterator[int]:
    """Powers of two, or where there are few of them the halves between, too."""
    powers = range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)
    parts = (1.0,) if len(powers) > 5 else (1.0, 1.25, 1.5, 1.75)
    for power in powers:
        yield from (round(part * 2**power) for part in parts if low <= round(part * 2**power) <= high)


def _curve(pen: ImageDraw.ImageDraw, scale: _Scale, band: dict[str, Any], colour: str, number: int) -> None:
    places = [scale.place(point["value"], point["recall"]) for point in band["points"]]
    pen.line(places, colour, 2 * _LARGER, joint="curve")
    for place in places:
        pen.circle(place, 3 * _LARGER, colour)
    (value,) = band["search_params"].values()
    chosen = scale.place(value, band["recall"])
    pen.circle(chosen, 8 * _LARGER, outline=colour, width=2 * _LARGER)
    line = SIZE[1] - _BOTTOM + 44 + 24 * number
    pen.line([(_LEFT * _LARGER, (line + 9) * _LARGER), ((_LEFT + 26) * _LARGER, (line + 9) * _LARGER)], colour, 9)
    found = f"{value}: recall {band['recall']:.3f}, {band['ms']:.1f} ms" + (
        "" if band["reached"] else ", out of reach"
    )
    names = " and ".join(band["filter"] or ())  # its values may be written in letters that the font has not
    stated = f"{band['share']:.1%} pass a filter on {names}" if names else "no filter"
    _text(pen, (_LEFT + 36, line), f"{stated}   ({found})", 14, _INK)


def _text(pen: ImageDraw.ImageDraw, at: Point, words: str, size: int, colour: str) -> None:
    pen.text((at[0] * _LARGER, at[1] * _LARGER), words, colour, ImageFont.load_default(size * _LARGER))
