"""What a product stands on or hangs before, and the shadow it casts there."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .covers import OVERSAMPLING
from .palette import BLACK, WHITE, Colour, mix

_COARSE = 4  # glow and shadow are soft: a sixteenth of the pixels tells all there is to see
_GLOW = 70  # of 255: how white the wall gets where it is lightest
_SHADOW = 0.30


def backdrop(wall: Colour, random: Random, size: int, *, floor: bool) -> Image.Image:
    """A wall that is lighter around the upper middle, with a floor under what stands or at times a disc behind."""
    picture = Image.new("RGB", (size, size), _bytes(wall))
    picture.paste(_bytes(WHITE), mask=_glow(random, size))
    if floor:
        horizon = round(size * random.uniform(0.66, 0.74))
        ground = mix(wall, wall * 0.86, random.uniform(0.5, 1))
        near = Image.linear_gradient("L").resize((size, size - horizon)).point([value // 5 for value in range(256)])
        picture.paste(_bytes(ground), (0, horizon, size, size))
        picture.paste(_bytes(WHITE), (0, horizon), near)
    elif random.random() < 0.5:
        picture.paste(_bytes(WHITE), mask=_disc(random, size))
    return picture


def cast_shadow(picture: Image.Image, shape: NDArray[np.floating], wall: Colour, *, floor: bool) -> None:
    """Darken the picture in place by the shadow of a shape, `(size, size)` of 0 to 1."""
    figure = Image.fromarray((shape * 255).astype(np.uint8)).reduce(_COARSE)
    lying = _flattened(figure) if floor else _dropped(figure)
    blur = picture.width / 130
    soft = lying.filter(ImageFilter.BoxBlur(blur)).filter(ImageFilter.BoxBlur(blur * 0.7))
    strength = _SHADOW * (1.4 if floor else 1)
    faint = soft.resize(picture.size, Image.Resampling.BILINEAR).point([round(v * strength) for v in range(256)])
    picture.paste(_bytes(mix(wall * 0.25, BLACK, 0.4)), mask=faint)


def _bytes(colour: Colour) -> tuple[int, ...]:
    return tuple(np.clip(colour, 0, 255).astype(int).tolist())


def _glow(random: Random, size: int) -> Image.Image:
    middle_x, middle_y = random.uniform(0.4, 0.6), random.uniform(0.3, 0.45)
    at = np.linspace(0, 1, max(1, size // _COARSE), dtype=np.float32)
    far = np.hypot(at[None, :] - middle_x, at[:, None] - middle_y)
    glow = np.clip(1.1 - 1.5 * far, 0, 1) * _GLOW
    return Image.fromarray(glow.astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)


def _disc(random: Random, size: int) -> Image.Image:
    fine = size * OVERSAMPLING
    x, radius = random.uniform(0.46, 0.54) * fine, random.uniform(0.36, 0.42) * fine
    mask = Image.new("L", (fine, fine))
    ImageDraw.Draw(mask).ellipse((x - radius, fine / 2 - radius, x + radius, fine / 2 + radius), fill=110)
    return mask.reduce(OVERSAMPLING)


def _dropped(figure: Image.Image) -> Image.Image:
    """The figure, moved down to the right."""
    moved = Image.new("L", figure.size)
    moved.paste(figure, (figure.width // 45, figure.height // 28))
    return moved


def _flattened(figure: Image.Image) -> Image.Image:
    """The lower part of the figure, laid on the floor where it stands."""
    ground = Image.new("L", figure.size)
    around = figure.point([255 if value > 127 else 0 for value in range(256)]).getbbox()
    if around is None:
        return ground
    left, top, right, foot = around
    around = (left, foot - max(1, (foot - top) // 3), right, foot)
    depth = max(2, figure.height // 11)
    lying = figure.crop(around).resize((right - left, depth), Image.Resampling.BOX)
    ground.paste(
        lying.point([min(255, value * 2) for value in range(256)]), (left + figure.width // 60, foot - depth * 3 // 4)
    )
    return ground
