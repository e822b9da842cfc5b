"""What a drawing is made of: outlines with a paint and a way to catch the light."""

from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np

from .geometry import Points, path


class Paint(Enum):
    """Where the colour of a part comes from."""

    BODY = auto()  # the product's colour with its pattern
    PLAIN = auto()  # the product's colour alone
    DEEP = auto()  # a darker tone of it: insides, ribbing, undersides
    ACCENT = auto()  # the colour the pattern is printed in
    TRIM = auto()  # soles, laces, straps: a quiet neutral that differs from product to product
    WOOD = auto()
    METAL = auto()
    DARK = auto()
    CREAM = auto()
    LEAF = auto()
    TEA = auto()
    SHADE = auto()  # black, for folds; used with little opacity
    LIGHT = auto()  # white, for gloss and glow; casts no shadow


class Light(Enum):
    """How a part's brightness runs over its bounding box; the light comes from the upper left."""

    FLAT = auto()
    CLOTH = auto()
    CYLINDER = auto()
    SPHERE = auto()
    EVEN = auto()


@dataclass(frozen=True, eq=False)
class Part:
    """One filled outline, or a line of `width` along it. Lengths are in design units."""

    outline: Points
    paint: Paint
    light: Light = Light.CLOTH
    width: float | None = None
    opacity: float = 1.0
    turn: float = 0.0  # degrees by which the pattern is turned on this part
    hole: Points | None = None
    within: Points | None = None

    def moved(self, scale: float, shift: tuple[float, float]) -> "Part":
        """The same part scaled about the origin, then shifted."""

        def move(points: Points) -> Points:
            placed: Points = points * scale + np.array(shift, np.float32)
            return placed

        return replace(
            self,
            outline=move(self.outline),
            width=None if self.width is None else self.width * scale,
            hole=None if self.hole is None else move(self.hole),
            within=None if self.within is None else move(self.within),
        )


Parts = tuple[Part, ...]


def fill(
    outline: str | Points,
    paint: Paint = Paint.BODY,
    light: Light = Light.CLOTH,
    *,
    opacity: float = 1.0,
    turn: float = 0.0,
    hole: Points | None = None,
    within: Points | None = None,
) -> Part:
    """A filled part; a text is read as a path."""
    points = path(outline) if isinstance(outline, str) else outline
    return Part(points, paint, light, opacity=opacity, turn=turn, hole=hole, within=within)


def line(
    outline: str | Points,
    width: float,
    paint: Paint = Paint.DEEP,
    light: Light = Light.EVEN,
    *,
    opacity: float = 1.0,
    within: Points | None = None,
) -> Part:
    """A line with round ends."""
    points = path(outline) if isinstance(outline, str) else outline
    return Part(points, paint, light, width=width, opacity=opacity, within=within)


def fold(outline: str, width: float = 0.9, opacity: float = 0.16, within: Points | None = None) -> Part:
    """A crease or seam: a thin line that only darkens."""
    return line(outline, width, Paint.SHADE, opacity=opacity, within=within)


def gloss(outline: str, width: float = 2.4, opacity: float = 0.35) -> Part:
    """A highlight: a line that only brightens."""
    return line(outline, width, Paint.LIGHT, opacity=opacity)


def fitted(parts: Parts, *, extent: float, growth: float, foot: float | None) -> Parts:
    """Scale a drawing until its longer side is `extent`, growing at most `growth` times, and centre it.

    With a `foot` its lowest point is put at that y instead, which is where the floor carries it.
    """
    low = np.min([part.outline.min(0) for part in parts], axis=0)
    high = np.max([part.outline.max(0) for part in parts], axis=0)
    scale = min(growth, extent / float((high - low).max()))
    x, y = 50 - scale * float((low + high)[0]) / 2, 50 - scale * float((low + high)[1]) / 2
    if foot is not None:
        y = foot - scale * float(high[1])
    return tuple(part.moved(scale, (x, y)) for part in parts)
