"""From the bytes of a picture to the pixels of a picture tower: one decode and one resize."""

from io import BytesIO

import numpy as np
from PIL import Image

from app.domain.embeddings import Pixels, Preprocessing
from app.domain.errors import ImageCorrupt

_RESAMPLE = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}
_DRAFT = 2
"""A JPEG is decoded at 1/2, 1/4 or 1/8 where that leaves at least this many times the pixels the resize asks for."""


def prepare(content: bytes, preprocessing: Preprocessing) -> Pixels:
    """Decode one upright JPEG, PNG or WebP and resize it: shape (size, size, 3), uint8.

    Raises `ImageCorrupt` where the content cannot be decoded.
    """
    size = preprocessing.size
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            image.draft("RGB", _draft_size(image.size, preprocessing))
            resized = image.convert("RGB").resize(
                (size, size), _RESAMPLE[preprocessing.resample], box=_box(image.size, preprocessing)
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageCorrupt(f"the picture cannot be decoded: {error}") from error
    return np.asarray(resized)


def _draft_size(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[int, int]:
    """The least size at which a picture may be decoded."""
    width, height = size
    if preprocessing.fit == "stretch":
        return _DRAFT * preprocessing.size, _DRAFT * preprocessing.size
    scale = _DRAFT * preprocessing.resize / min(width, height)
    return round(width * scale), round(height * scale)


def _box(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """The part of a picture that is kept, in its own pixels: left, top, right, bottom.

    It is what the library keeps when it resizes the whole picture and then cuts out whole pixels around the centre.
    """
    width, height = size
    if preprocessing.fit == "stretch":
        return 0, 0, width, height
    (left, right), (top, bottom) = (_kept(side, min(size), preprocessing) for side in size)
    return left, top, right, bottom


def _kept(side: int, short: int, preprocessing: Preprocessing) -> tuple[float, float]:
    """Where the kept part of one side begins and ends."""
    resized = preprocessing.resize * side // short
    begin = (resized - preprocessing.size) // 2
    return begin * side / resized, (begin + preprocessing.size) * side / resized
