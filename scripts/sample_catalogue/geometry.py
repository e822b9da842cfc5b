"""Outlines in design units: the drawing is 100 × 100, x to the right, y down, the product around (50, 50)."""

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]

_TOKEN = re.compile(r"[MLQC]|-?\d+(?:\.\d+)?")
_OPERANDS = {"M": 1, "L": 1, "Q": 2, "C": 3}
_T = np.linspace(0, 1, 15, dtype=np.float32)[1:, None]  # 14 chords: no corner shows on a curve half a picture long


def path(commands: str) -> Points:
    """Flatten an SVG-like path of absolute M, L, Q and C commands into points (n, 2)."""
    tokens = _TOKEN.findall(commands)
    points: list[Points] = []
    position = 0
    while position < len(tokens):
        command = tokens[position]
        position += 1
        size = 2 * _OPERANDS[command]
        operands = np.array(tokens[position : position + size], dtype=np.float32).reshape(-1, 2)
        position += size
        points.append(_curve(points[-1][-1], operands) if command in "QC" else operands)
    return np.concatenate(points)


def _curve(start: Points, operands: Points) -> Points:
    """Points of a Bézier curve after its start, by de Casteljau's construction."""
    rungs = [np.broadcast_to(point, (len(_T), 2)) for point in (start, *operands)]
    while len(rungs) > 1:
        rungs = [a + (b - a) * _T for a, b in pairwise(rungs)]
    return rungs[0]


def symmetric(commands: str) -> Points:
    """Close a left half, given from top to bottom, with its mirror image about x = 50."""
    half = path(commands)
    return np.concatenate([half, mirror(half)[::-1]])


def mirror(points: Points) -> Points:
    """The same outline on the other side of x = 50."""
    mirrored: Points = np.array([100, 0], np.float32) + points * np.array([-1, 1], np.float32)
    return mirrored


def oval(x: float, y: float, radius_x: float, radius_y: float | None = None) -> Points:
    """An ellipse around (x, y); a circle when one radius is given."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False, dtype=np.float32)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    placed: Points = np.array([x, y], np.float32) + circle * np.array([radius_x, radius_y or radius_x], np.float32)
    return placed


def box(left: float, top: float, right: float, bottom: float, radius: float = 0) -> Points:
    """A rectangle with rounded corners."""
    r = radius
    return path(
        f"M{left + r} {top} L{right - r} {top} Q{right} {top} {right} {top + r} L{right} {bottom - r} "
        f"Q{right} {bottom} {right - r} {bottom} L{left + r} {bottom} Q{left} {bottom} {left} {bottom - r} "
        f"L{left} {top + r} Q{left} {top} {left + r} {top}"
    )
