"""A sheet that is drawn on in pixels, at three times the size: lines of Pillow have stairs, which are gone then."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_LARGER = 3
_DASH, _GAP = 4, 4
_UNKNOWN = "\uffff"  # no font has it

INK, QUIET, GRID = "#1f2430", "#6b7280", "#e3e6eb"
COLOURS = ("#2457d6", "#d9730d", "#128a5a", "#a3348f")

Point = tuple[float, float]


class Sheet:
    """A white picture of so many pixels."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._picture = Image.new("RGB", (width * _LARGER, height * _LARGER), "white")
        self._pen = ImageDraw.Draw(self._picture)

    def line(self, places: Sequence[Point], colour: str, width: int) -> None:
        """A line through all places."""
        self._pen.line([_large(place) for place in places], colour, width * _LARGER, joint="curve")

    def dashes(self, left: Point, right: float, colour: str) -> None:
        """A dashed line from a place to the right."""
        x = left[0]
        while x < right:
            self.line([(x, left[1]), (min(x + _DASH, right), left[1])], colour, 2)
            x += _DASH + _GAP

    def dot(self, place: Point, radius: int, colour: str) -> None:
        """A filled circle."""
        self._pen.circle(_large(place), radius * _LARGER, colour)

    def ring(self, place: Point, radius: int, colour: str) -> None:
        """A circle."""
        self._pen.circle(_large(place), radius * _LARGER, outline=colour, width=2 * _LARGER)

    def text(self, place: Point, words: str, size: int, colour: str, *, anchor: str = "la") -> None:
        """Words, at their corner or where the `anchor` of Pillow says."""
        self._pen.text(_large(place), drawable(words), colour, _font(size), anchor=anchor)

    def upright(self, place: Point, words: str, size: int, colour: str) -> None:
        """Words that are read from below, around their middle."""
        font, shown = _font(size), drawable(words)
        strip = Image.new("L", (math.ceil(font.getlength(shown)), 2 * size * _LARGER))
        ImageDraw.Draw(strip).text((strip.width / 2, strip.height / 2), shown, 255, font, anchor="mm")
        turned = strip.transpose(Image.Transpose.ROTATE_90)
        x, y = _large(place)
        self._picture.paste(colour, (round(x - turned.width / 2), round(y - turned.height / 2)), turned)

    def save(self, path: Path) -> None:
        """Write it as a PNG. Raises `OSError`."""
        self._picture.resize(self._size, Image.Resampling.LANCZOS).save(path, "PNG")


def wrapped(words: str, size: int, width: int) -> Iterator[str]:
    """Words in lines of at most so many pixels; one that is longer alone is cut."""
    line = ""
    for word in drawable(words).split():
        longer = f"{line} {word}" if line else word
        if line and _font(size).getlength(longer) > width * _LARGER:
            yield line
            longer = word
        line = cut(longer, size, width)
    yield line


def cut(words: str, size: int, width: int) -> str:
    """As much of some words as is no wider than so many pixels."""
    shown = drawable(words)
    while _font(size).getlength(shown) > width * _LARGER:
        shown = f"{shown[:-2]}…"
    return shown


def drawable(words: str) -> str:
    """The same in letters that the font has: without accents, and `?` for those that it lacks."""
    plain = "".join(one for one in unicodedata.normalize("NFD", words) if not unicodedata.combining(one))
    font = _font(14)
    unknown = bytes(font.getmask(_UNKNOWN))
    return "".join("?" if one != " " and bytes(font.getmask(one)) == unknown else one for one in plain)


def _large(place: Point) -> Point:
    return place[0] * _LARGER, place[1] * _LARGER


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _LARGER)
