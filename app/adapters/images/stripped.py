"""What is left of a picture's file once everything but the picture is dropped."""

import struct
from dataclasses import dataclass

_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Stripped:
    """A picture's file without metadata; its compressed pixels are untouched.

    `width` and `height` are what its header promises, before any turn; `orientation` (1 to 8) is EXIF's.
    `lossless` and `animated` say how its pixels are kept.
    """

    content: bytes
    width: int
    height: int
    orientation: int = 1
    lossless: bool = False
    animated: bool = False


def exif_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block states; 1 where it states none or cannot be read.

    Only this tag is looked for (TIFF 6.0, first directory): a picture is not refused for its metadata, and nothing
    else of it is ever interpreted.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value) if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
