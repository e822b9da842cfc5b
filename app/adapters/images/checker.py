"""What people send becomes what we store: checked, upright, on white, without metadata."""

import struct
import threading
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from app.adapters.images import jpeg, png, webp
from app.adapters.images.stripped import Stripped
from app.domain.errors import ImageCorrupt, ImageFormat, ImageTooManyPixels, TooLarge
from app.domain.pictures import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE, media_type
from app.ports.pictures import CheckedPicture

_FORMATS = {
    "image/jpeg": ("JPEG", jpeg.strip),
    "image/png": ("PNG", png.strip),
    "image/webp": ("WEBP", webp.strip),
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_QUALITY = 92  # a second generation that the eye does not tell from the first
_PNG_LEVEL = 1  # level 6 takes three times as long and saves a tenth of the bytes at best
_PILLOW_ERRORS = (
    # What decoders and plugins raise for broken files; an OSError among them comes from bytes, never from a disk.
    OSError,
    ValueError,
    SyntaxError,
    MemoryError,
    EOFError,
    OverflowError,
    LookupError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class PillowPictureChecker:
    """Checks pictures with Pillow. Safe to call from several threads, of which `at_once` decode.

    A picture that is upright RGB or grey without alpha keeps its compressed pixels to the bit and loses only its
    metadata. Any other is decoded and written anew: as PNG where its pixels were lossless, else as JPEG. Colours are
    taken as sRGB: a colour profile is dropped, not applied, because encoders never see it and parsing it is a risk.
    """

    def __init__(
        self, *, max_bytes: int = MAX_PICTURE_BYTES, max_pixels: int = MAX_PICTURE_PIXELS, at_once: int = 2
    ) -> None:
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        # Decoding keeps a core busy, and more pictures at a time than cores only take more memory.
        self._turns = threading.BoundedSemaphore(at_once)

    def check(self, content: bytes) -> CheckedPicture:
        """Return the picture as it is to be stored; the same bytes always give the same content.

        Raises `ImageFormat`, `ImageCorrupt`, `ImageTooManyPixels`, or `TooLarge` (`image_too_large`).
        """
        if len(content) > self._max_bytes:
            raise TooLarge(f"a picture has at most {self._max_bytes:,} bytes", code="image_too_large")
        kind = media_type(content)
        if kind is None:
            raise ImageFormat("a picture must be a JPEG, PNG or WebP")
        format_name, strip = _FORMATS[kind]
        stripped = strip(content)
        self._check_size(stripped.width, stripped.height)
        try:
            with self._turns, Image.open(BytesIO(stripped.content), formats=(format_name,)) as image:
                if image.size != (stripped.width, stripped.height):
                    raise ImageCorrupt("the picture's parts disagree about its size")
                if _is_plain(image, stripped):
                    # Decoding at an eighth still reads every compressed byte, at half the time.
                    image.draft(None, (1, 1))
                    image.load()
                    return CheckedPicture(stripped.content, kind, stripped.width, stripped.height)
                return _rewritten(image, stripped)
        except _PILLOW_ERRORS as error:
            raise ImageCorrupt(f"the picture cannot be decoded: {error}") from error

    def _check_size(self, width: int, height: int) -> None:
        """Refuse by the header, before any pixel is decoded."""
        if width * height > self._max_pixels or max(width, height) > MAX_PICTURE_SIDE:
            raise ImageTooManyPixels(
                f"a picture has at most {self._max_pixels:,} pixels and sides of at most {MAX_PICTURE_SIDE:,}; "
                f"this one has {width:,} × {height:,}"
            )


def _is_plain(image: Image.Image, stripped: Stripped) -> bool:
    """Whether the compressed pixels can be stored as they are."""
    return (
        image.mode in ("RGB", "L")
        and "transparency" not in image.info
        and stripped.orientation == 1
        and not stripped.animated
    )


def _rewritten(image: Image.Image, stripped: Stripped) -> CheckedPicture:
    """Decode the first frame, lay it on white, turn it upright, and encode it anew."""
    picture = _on_white(image)
    if stripped.orientation in _TURNS:
        picture = picture.transpose(_TURNS[stripped.orientation])
    written = BytesIO()
    if stripped.lossless:
        picture.save(written, "PNG", compress_level=_PNG_LEVEL)
        return CheckedPicture(written.getvalue(), "image/png", *picture.size)
    picture.save(written, "JPEG", quality=_JPEG_QUALITY)
    return CheckedPicture(written.getvalue(), "image/jpeg", *picture.size)


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB; what is transparent becomes white."""
    if image.mode == "I;16":  # Pillow would clip 16 bits of grey to 8 instead of scaling them
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(layer, mask=layer)
    return white
