"""Draw one product: parts, looks and a pose in, a picture out."""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import palette
from .backdrop import backdrop, cast_shadow
from .covers import Cover, Pose, cover, pose_for
from .lighting import brightness, lit
from .palette import Colour, mix
from .parts import Paint, Part, Parts
from .patterns import Weave, coverage, weave_for


@dataclass(frozen=True, eq=False)
class Looks:
    """The colours of one product, its pattern, and the wall behind it."""

    pattern: str
    weave: Weave
    paints: dict[Paint, Colour]
    wall: Colour


def looks_for(colour: str, pattern: str, random: Random) -> Looks:
    """Draw one product's looks: a shade of the colour, the weave of the pattern, materials, a wall."""
    body = palette.shade_of(colour, random)
    paints = {
        Paint.BODY: body,
        Paint.PLAIN: body,
        Paint.DEEP: mix(body, palette.BLACK, 0.34)
        if palette.brightness(body) > 0.25
        else mix(body, palette.WHITE, 0.13),
        Paint.ACCENT: palette.accent_for(colour, body, random),
        Paint.TRIM: palette.trim_for(random),
        Paint.WOOD: random.choice(palette.WOOD),
        Paint.METAL: random.choice(palette.METAL),
        Paint.DARK: palette.DARK,
        Paint.CREAM: palette.CREAM,
        Paint.LEAF: palette.LEAF,
        Paint.TEA: palette.TEA,
        Paint.SHADE: palette.BLACK,
        Paint.LIGHT: palette.WHITE,
    }
    return Looks(pattern, weave_for(pattern, random), paints, palette.wall_for(body, random))


def render(parts: Parts, looks: Looks, random: Random, *, size: int, stands: bool, flips: bool) -> Image.Image:
    """Draw a product as an RGB picture of size × size pixels."""
    pose = pose_for(random, size, upright=stands, flips=flips)
    covers = [(part, covered) for part in parts if (covered := cover(part, pose)) is not None]
    behind = backdrop(looks.wall, random, size, floor=stands)
    cast_shadow(behind, _silhouette(covers, size), looks.wall, floor=stands)
    picture = np.array(behind, dtype=np.float32)
    for part, covered in covers:
        window = picture[covered.window]
        paint = lit(_paint(part, covered, looks, pose), brightness(covered, part.light))
        window += (paint - window) * (covered.mask * part.opacity)[..., None]
    return Image.fromarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))


def _silhouette(covers: list[tuple[Part, Cover]], size: int) -> NDArray[np.floating]:
    shape = np.zeros((size, size), np.float32)
    for part, covered in covers:
        if part.paint is not Paint.LIGHT:
            window = shape[covered.window]
            np.maximum(window, covered.mask * part.opacity, out=window)
    return shape


def _paint(part: Part, covered: Cover, looks: Looks, pose: Pose) -> NDArray[np.floating]:
    """Colour of a part: (3,), or (h, w, 3) where it is patterned."""
    colour = looks.paints[part.paint]
    if part.paint is not Paint.BODY or looks.pattern == "plain":
        return colour
    height, width = covered.mask.shape
    x, y = pose.unplace(covered.left, covered.top, width, height)
    print_ = coverage(looks.pattern, looks.weave, x, y, turn=part.turn, pixels=pose.pixels)
    return colour + (looks.paints[Paint.ACCENT] - colour) * print_[..., None]
