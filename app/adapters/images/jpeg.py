"""JPEG files (ITU-T T.81) without their metadata."""

import re
from collections.abc import Iterator
from itertools import islice

from app.adapters.images.stripped import Stripped, exif_orientation
from app.domain.errors import ImageCorrupt

_EOI, _SOS, _APP0, _APP1, _APP14 = 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TABLES = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD}  # Huffman and arithmetic tables, quantisation, lines, restart interval
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # inside a scan, FF 00 is a byte and FF D0–D7 a restart

_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # without density and thumbnail
_MAX_SCANS = 50  # a progressive picture has about ten; each is another walk over all pixels
_MAX_SEGMENTS = 10_000  # a picture has a few dozen; what stands after these is left out


def strip(content: bytes) -> Stripped:
    """Keep what a decoder needs and drop the rest: EXIF, XMP, ICC, comments, thumbnails, what follows the end.

    Of the application segments JFIF and Adobe's stay, emptied: they say how the components are colours.
    Raises `ImageCorrupt` where the file ends early or has no frame of a size, or more than 50 scans.
    """
    kept = [b"\xff\xd8"]
    frames: list[bytes] = []
    orientation = 1
    scans = 0
    for marker, segment in islice(_segments(content), _MAX_SEGMENTS):
        if marker == _APP1 and segment[4:10] == b"Exif\0\0":
            orientation = exif_orientation(segment[4:])
        elif marker in _FRAMES:
            frames.append(segment)
        scans += marker == _SOS
        kept.append(_kept(marker, segment))
    kept.append(b"\xff\xd9")
    if len(frames) != 1 or not 0 < scans <= _MAX_SCANS:
        raise ImageCorrupt("the picture has not one frame, or too many scans")
    height, width = int.from_bytes(frames[0][5:7]), int.from_bytes(frames[0][7:9])
    if not width or not height:
        raise ImageCorrupt("the picture's header has no size")
    return Stripped(b"".join(kept), width, height, orientation)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker segment up to the end of the image, marker included; a scan's with its compressed data."""
    position = 2
    while (found := _find(_MARKER, content, position))[1] != _EOI:
        start, marker = found
        position = start + 2
        if marker in _BARE:
            continue
        position += int.from_bytes(content[start + 2 : start + 4])
        if marker == _SOS:
            position = _find(_SCAN_END, content, position)[0]
        if position > len(content):
            raise ImageCorrupt("the picture ends early")
        yield marker, content[start:position]


def _kept(marker: int, segment: bytes) -> bytes:
    """What stays of a segment."""
    if marker in _FRAMES or marker in _TABLES or marker == _SOS:
        return segment
    if marker == _APP0 and segment[4:9] == b"JFIF\0":
        return _JFIF
    if marker == _APP14 and segment[4:9] == b"Adobe" and len(segment) >= 16:
        return b"\xff\xee\x00\x0e" + segment[4:16]
    return b""


def _find(pattern: re.Pattern[bytes], content: bytes, position: int) -> tuple[int, int]:
    """Where the next marker stands, and which it is."""
    found = pattern.search(content, position)
    if found is None:
        raise ImageCorrupt("the picture ends early")
    return found.start(), content[found.start() + 1]
