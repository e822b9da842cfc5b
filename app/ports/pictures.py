"""The picture port: what people send becomes what we store."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture as it is stored: upright, RGB or grey, without alpha and without metadata.

    `content` is a JPEG, PNG or WebP that decodes; `media_type` says which; `width` and `height` are its pixels.
    """

    content: bytes
    media_type: str
    width: int
    height: int


class PictureChecker(Protocol):
    """Checks pictures. Safe to call from several threads."""

    def check(self, content: bytes) -> CheckedPicture:
        """Return the picture as it is to be stored; the same bytes always give the same content.

        Raises `ImageFormat`, `ImageCorrupt`, `ImageTooManyPixels`, or `TooLarge` (`image_too_large`).
        """
        ...
