"""Patterns as coverage: how much of the accent colour each point of a fabric shows, 0 to 1.

Every pattern is a signed distance in design units, softened over one pixel, which anti-aliases it at any size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]


@dataclass(frozen=True)
class Weave:
    """How one product's pattern lies: its repeat in design units, its angle in degrees, its offset."""

    period: float
    angle: float
    offset: tuple[float, float]
    fill: float  # share of the repeat that is printed, or a motif's size in it


def weave_for(pattern: str, random: Random) -> Weave:
    """Draw the repeat, angle and weight of a pattern within what still looks like that pattern."""
    angles = {"striped": (0, 0, 90, 90, 45, -45), "checked": (0, 0, 0, 45), "zigzag": (0, 0, 0, 90)}
    return Weave(
        period=random.uniform(9, 13),
        angle=random.choice(angles.get(pattern, (0,))) + random.uniform(-3, 3),
        offset=(random.uniform(0, 20), random.uniform(0, 20)),
        fill=random.uniform(0.9, 1.1),
    )


def _soft(distance: Field, pixels: float) -> Field:
    coverage: Field = np.clip(distance * pixels + 0.5, 0, 1)
    return coverage


def _fraction(position: Field, period: float) -> Field:
    """Signed distance to the nearest multiple of the period."""
    return position - period * np.round(position / period)


def _motifs(x: Field, y: Field, period: float) -> tuple[Field, Field]:
    """Coordinates from the nearest motif; every other row is moved by half a repeat."""
    row = np.round(y / period)
    return _fraction(x + (row % 2) * period / 2, period), y - row * period


def _plain(x: Field, y: Field, _weave: Weave, _pixels: float) -> Field:
    return np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)


def _striped(_x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    return _soft(0.21 * weave.fill * weave.period - np.abs(_fraction(y, weave.period)), pixels)


def _dotted(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    x, y = _motifs(x, y, weave.period * 0.85)
    return _soft(0.23 * weave.fill * weave.period - np.hypot(x, y), pixels)


def _checked(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    half = 0.25 * weave.period
    warp, weft = (_soft(half - np.abs(_fraction(axis, weave.period)), pixels) for axis in (x, y))
    return (warp + weft) * 0.46


def _zigzag(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    wave = np.abs(_fraction(x, weave.period)) * 0.9
    return _soft(0.2 * weave.fill * weave.period - np.abs(_fraction(y + wave, weave.period)), pixels * 0.75)


def _floral(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    period = weave.period * 1.3
    x, y = _motifs(x, y, period)
    petal = 0.15 * weave.fill * period
    angles = [weave.offset[0] + turn * math.tau / 5 for turn in range(5)]
    nearest = np.minimum.reduce(
        [np.hypot(x - math.cos(a) * petal * 1.25, y - math.sin(a) * petal * 1.25) for a in angles]
    )
    return _soft(petal - nearest, pixels) * (1 - _soft(petal * 0.6 - np.hypot(x, y), pixels))


def _starry(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    period = weave.period * 1.1
    x, y = _motifs(x, y, period)
    size = 0.36 * weave.fill * period
    # The edge of a five-pointed star is a straight line once the angle is folded into one tenth of a turn.
    fold = math.tau / 5
    angle = np.arctan2(x, -y)
    angle = np.abs(angle - fold * np.round(angle / fold))
    radius = np.hypot(x, y)
    edge = radius * np.cos(angle) * 0.384 + radius * np.sin(angle) * 0.923
    return _soft(size * 0.384 - edge, pixels)


def _hearts(x: Field, y: Field, weave: Weave, pixels: float) -> Field:
    period = weave.period * 1.05
    x, y = _motifs(x, y, period)
    side = 0.3 * weave.fill * period
    y = y - side * 0.2
    # Two discs on the upper sides of a square that stands on its corner.
    square = (side - np.abs(x) - np.abs(y)) * 0.707
    lobes = side * 0.707 - np.hypot(np.abs(x) - side / 2, y + side / 2)
    return _soft(np.maximum(square, lobes), pixels)


_PATTERNS: dict[str, Callable[[Field, Field, Weave, float], Field]] = {
    "plain": _plain,
    "striped": _striped,
    "dotted": _dotted,
    "checked": _checked,
    "floral": _floral,
    "zigzag": _zigzag,
    "starry": _starry,
    "hearts": _hearts,
}
PATTERNS = tuple(_PATTERNS)


def coverage(pattern: str, weave: Weave, x: Field, y: Field, *, turn: float, pixels: float) -> Field:
    """Coverage (h, w) at design coordinates x and y (h, w); `pixels` is the length of a unit in the picture."""
    angle = math.radians(weave.angle + turn)
    cos, sin = math.cos(angle), math.sin(angle)
    along = x * cos + y * sin + weave.offset[0]
    across = y * cos - x * sin + weave.offset[1]
    return _PATTERNS[pattern](along, across, weave, pixels)
