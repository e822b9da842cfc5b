"""PNG files (ISO/IEC 15948) without their metadata."""

import struct
import zlib

from app.adapters.images.stripped import Stripped, exif_orientation
from app.domain.errors import ImageCorrupt

_SIGNATURE_LENGTH = 8
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def strip(content: bytes) -> Stripped:
    """Keep header, palette, transparency and pixels; drop text, profiles, times, later frames, what follows the end.

    Nothing that is dropped is ever unpacked. Raises `ImageCorrupt` where the file ends early or a checksum of what
    is kept is wrong.
    """
    kept = [content[:_SIGNATURE_LENGTH]]
    orientation = 1
    position = _SIGNATURE_LENGTH
    kind = b""
    while kind != b"IEND":
        length = int.from_bytes(content[position : position + 4])
        kind = content[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(content):
            raise ImageCorrupt("the picture ends early")
        if kind in _KEPT:
            if zlib.crc32(content[position + 4 : end - 4]) != int.from_bytes(content[end - 4 : end]):
                raise ImageCorrupt(f"the checksum of the picture's {kind.decode()} is wrong")
            kept.append(content[position:end])
        elif kind == b"eXIf":
            orientation = exif_orientation(content[position + 8 : end - 4])
        position = end
    header = kept[1]
    if header[4:8] != b"IHDR" or len(header) != 25:
        raise ImageCorrupt("the picture has no header")
    width, height = struct.unpack_from(">II", header, 8)
    return Stripped(b"".join(kept), width, height, orientation, lossless=True)
