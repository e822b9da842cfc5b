"""How light falls on parts: a run of brightness over the box of a part, and a soft bevel along its edges."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .covers import Cover
from .parts import Light

Field = NDArray[np.floating]

# Stops of brightness across (x) and down (y): 1 leaves a colour as it is, less darkens, more goes towards white.
_ACROSS = {
    Light.FLAT: (1.02, 1.0, 0.97),
    Light.CLOTH: (1.0, 1.03, 1.0, 0.95),
    Light.CYLINDER: (0.86, 1.02, 1.16, 1.05, 0.97, 0.88, 0.76),
    Light.EVEN: (1.0, 1.0),
}
_DOWN = {
    Light.FLAT: (1.03, 1.0, 0.95),
    Light.CLOTH: (1.04, 1.0, 0.93),
    Light.CYLINDER: (1.0, 1.0, 0.95),
    Light.EVEN: (1.0, 1.0),
}
_BEVEL = {Light.FLAT: 0.14, Light.CLOTH: 0.2, Light.CYLINDER: 0.06, Light.SPHERE: 0.08}
_RIM = 0.2  # edges are a little darker, which keeps pale prints apart from pale walls


def brightness(cover: Cover, light: Light) -> Field:
    """Brightness (h, w) around 1 of a part."""
    height, width = cover.mask.shape
    field: Field
    if light is Light.SPHERE:
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        far = np.hypot(x + 0.3, y + 0.38)
        field = np.interp(far, (0, 0.25, 0.6, 1.1, 1.6), (1.22, 1.13, 1.02, 0.88, 0.68)).astype(np.float32)
    else:
        field = _run(_ACROSS[light], width)[None, :] * _run(_DOWN[light], height)[:, None]
    if light in _BEVEL and min(height, width) > 12:
        slope, rim = _edges(cover)
        field = field + _BEVEL[light] * slope - _RIM * rim
    return field


def _run(stops: tuple[float, ...], length: int) -> Field:
    at = np.linspace(0, len(stops) - 1, length)
    return np.interp(at, np.arange(len(stops)), stops).astype(np.float32)


def _edges(cover: Cover) -> tuple[Field, Field]:
    """How far an edge faces the upper left (-1 to 1), and how near it is (0 to 1).

    Both come from a blurred mask, so a quarter of the resolution is enough.
    """
    small = cover.image.reduce(4)
    framed = Image.new("L", (small.width + 4, small.height + 4))
    framed.paste(small, (2, 2))
    soft = np.asarray(framed.filter(ImageFilter.BoxBlur(1.6)), dtype=np.float32) / 255
    slope = soft[3:-1, 3:-1] - soft[1:-3, 1:-3]
    return _enlarged(slope, cover), _enlarged(1 - soft[2:-2, 2:-2], cover)


def _enlarged(field: Field, cover: Cover) -> Field:
    size = (cover.mask.shape[1], cover.mask.shape[0])
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BILINEAR))


def lit(colour: Field, field: Field) -> Field:
    """Colours (…, 3) under brightness (h, w): (h, w, 3)."""
    dark, bright = np.minimum(field, 1)[..., None], np.maximum(field - 1, 0)[..., None]
    shaded: Field = colour * dark
    return shaded + (255 - shaded) * bright
