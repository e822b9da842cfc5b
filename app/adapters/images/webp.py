"""WebP files (RFC 9649) without their metadata."""

import struct
from collections.abc import Iterator

from app.adapters.images.stripped import Stripped, exif_orientation
from app.domain.errors import ImageCorrupt

_KEPT = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_ANIMATION, _ALPHA = 0x02, 0x10


def strip(content: bytes) -> Stripped:
    """Keep the pixels, the alpha and the frames; drop EXIF, XMP, ICC, unknown chunks, what follows the end.

    Raises `ImageCorrupt` where the file ends early or nothing says its size. The size is read here and not left to
    the decoder, which takes memory for all of it before anyone can ask.
    """
    kept: list[bytes] = []
    size: tuple[int, int] | None = None
    orientation = 1
    animated = lossless = False
    for kind, payload in _chunks(content):
        if kind == b"VP8X" and len(payload) == 10:
            flags = payload[0] & (_ANIMATION | _ALPHA)
            animated = bool(flags & _ANIMATION)
            size = 1 + int.from_bytes(payload[4:7], "little"), 1 + int.from_bytes(payload[7:10], "little")
            kept.append(_chunk(kind, bytes([flags]) + bytes(3) + payload[4:]))
        elif kind in _KEPT:
            lossless = lossless or kind == b"VP8L"
            size = size or _bitstream_size(kind, payload)
            kept.append(_chunk(kind, payload))
        elif kind == b"EXIF":
            orientation = exif_orientation(payload)
    if size is None or 0 in size:
        raise ImageCorrupt("the picture has no header")
    body = b"WEBP" + b"".join(kept)
    return Stripped(b"RIFF" + struct.pack("<I", len(body)) + body, *size, orientation, lossless, animated)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int.from_bytes(content[4:8], "little")
    if end > len(content):
        raise ImageCorrupt("the picture ends early")
    position = 12
    while position + 8 <= end:
        start = position + 8
        length = int.from_bytes(content[position + 4 : start], "little")
        if start + length > end:
            raise ImageCorrupt("the picture ends early")
        yield content[position : position + 4], content[start : start + length]
        position = start + length + length % 2


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)


def _bitstream_size(kind: bytes, payload: bytes) -> tuple[int, int] | None:
    """Width and height as the header of a lossy (RFC 6386) or lossless bitstream has them."""
    if kind == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a" and len(payload) >= 10:
        width, height = struct.unpack_from("<HH", payload, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and payload[:1] == b"\x2f" and len(payload) >= 5:
        bits = int.from_bytes(payload[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
