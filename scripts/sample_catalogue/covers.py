"""From outlines to anti-aliased coverage in the picture."""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .geometry import Points
from .parts import Part

OVERSAMPLING = 3  # nine samples a pixel: edges are smooth, and a picture still takes a few milliseconds


@dataclass(frozen=True, eq=False)
class Pose:
    """How the drawing lies in a picture of `size` pixels: turned, stretched and moved a little every time."""

    matrix: NDArray[np.floating]  # design units to pixels
    shift: NDArray[np.floating]
    size: int

    @property
    def pixels(self) -> float:
        """The length of a design unit in pixels."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def place(self, points: Points) -> Points:
        """Design units to pixels."""
        placed: Points = (points - 50) @ self.matrix.T + self.shift
        return placed

    def unplace(self, left: int, top: int, width: int, height: int) -> tuple[Points, Points]:
        """Design coordinates x and y, each (height, width), of the pixels of a box."""
        back = np.linalg.inv(self.matrix).astype(np.float32)
        x = np.arange(left, left + width, dtype=np.float32)[None, :] + 0.5 - self.shift[0]
        y = np.arange(top, top + height, dtype=np.float32)[:, None] + 0.5 - self.shift[1]
        return back[0, 0] * x + back[0, 1] * y, back[1, 0] * x + back[1, 1] * y


def pose_for(random: Random, size: int, *, upright: bool, flips: bool) -> Pose:
    """Draw a pose; what stands on the floor turns less than what hangs."""
    angle = np.deg2rad(random.uniform(-2, 2) if upright else random.uniform(-7, 7))
    scale = size / 100 * random.uniform(0.87, 1.01)
    wide, tall = random.uniform(0.95, 1.05), random.uniform(0.95, 1.05)
    side = -1 if flips and random.random() < 0.5 else 1
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = scale * np.array([[cos, -sin], [sin, cos]]) @ np.diag([wide * side, tall])
    shift = size * np.array([0.5 + random.uniform(-0.035, 0.035), 0.5 + random.uniform(-0.025, 0.025)])
    return Pose(matrix.astype(np.float32), shift.astype(np.float32), size)


@dataclass(frozen=True, eq=False)
class Cover:
    """The part of the picture a part covers: `mask` (h, w), 0 to 1, with its upper left corner."""

    left: int
    top: int
    mask: NDArray[np.floating]
    image: Image.Image  # the same as 8-bit grey

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def cover(part: Part, pose: Pose) -> Cover | None:
    """Coverage of a part, or None where it lies outside the picture."""
    points = pose.place(part.outline)
    reach = (part.width or 0) * pose.pixels / 2 + 1
    left, top = np.maximum(np.floor(points.min(0) - reach), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(points.max(0) + reach), pose.size).astype(int).tolist()
    if right <= left or bottom <= top:
        return None
    corner = np.array([left, top], np.float32)
    canvas = Image.new("L", ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    if part.width is None:
        _polygon(draw, points - corner, 255)
    else:
        _stroke(draw, points - corner, part.width * pose.pixels)
    if part.hole is not None:
        _polygon(draw, pose.place(part.hole) - corner, 0)
    if part.within is not None:
        stencil = Image.new("L", canvas.size)
        _polygon(ImageDraw.Draw(stencil), pose.place(part.within) - corner, 255)
        canvas.paste(0, mask=stencil.point(lambda value: 255 - value))
    image = canvas.reduce(OVERSAMPLING)
    return Cover(left, top, np.asarray(image, dtype=np.float32) / 255, image)


def _polygon(draw: ImageDraw.ImageDraw, points: Points, value: int) -> None:
    # The outline reaches half a sample further than the fill, as ImageDraw counts from pixel centres.
    draw.polygon((points * OVERSAMPLING - 0.5).ravel().tolist(), fill=value)


def _stroke(draw: ImageDraw.ImageDraw, points: Points, width: float) -> None:
    points = points * OVERSAMPLING - 0.5
    thick = max(1, round(width * OVERSAMPLING))
    draw.line(points.ravel().tolist(), fill=255, width=thick, joint="curve")
    for x, y in (points[0].tolist(), points[-1].tolist()):
        radius = thick / 2 - 0.5
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
