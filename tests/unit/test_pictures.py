"""What becomes of the pictures people send, good, odd and hostile; every file is made here, in memory."""

import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from app.adapters.images.checker import PillowPictureChecker
from app.domain.errors import ImageCorrupt, ImageFormat, ImageTooManyPixels, TooLarge, VitrineError
from app.ports.pictures import CheckedPicture

CHECKER = PillowPictureChecker()
SECRET = b"N 52 30 E 13 24"  # what must not be kept, as readable bytes wherever it is put


def photo(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A smooth picture whose corners differ, so that every turn of it shows."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    rgb = np.stack([x, y, 255 - (x + y) / 2], axis=-1).astype(np.uint8)
    return Image.fromarray(rgb).convert(mode)


def written(image: Image.Image, format_name: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def pixels(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = SECRET.decode()
    tags[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0), 29: SECRET.decode()}
    return tags.tobytes()


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_of_header(width: int, height: int, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_of_header(width: int, height: int) -> bytes:
    content = bytearray(written(photo(), "JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_of_header(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def assert_stored_plainly(stored: CheckedPicture) -> None:
    with Image.open(BytesIO(stored.content), formats=("JPEG", "PNG", "WEBP")) as image:
        image.load()
        assert image.mode in ("RGB", "L")
        assert image.size == (stored.width, stored.height)
        assert image.get_format_mimetype() == stored.media_type
        assert not getattr(image, "is_animated", False)
        assert not image.getexif()
        assert {"icc_profile", "exif", "xmp", "comment", "transparency", "photoshop"}.isdisjoint(image.info)
    assert SECRET not in stored.content


# Not a picture we take

NOT_PICTURES = {
    "empty": b"",
    "text": b"not a picture at all",
    "html": b"<!doctype html><img src=x onerror=alert(1)>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": b"%PDF-1.7\n",
    "riff that is not WebP": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "first byte of a JPEG": b"\xff",
    "tiff": written(photo(), "TIFF"),
    "gif": written(photo("P"), "GIF"),
    "bmp": written(photo(), "BMP"),
    "jpeg 2000": written(photo(), "JPEG2000"),
    "avif": written(photo(), "AVIF"),
    "ico": written(photo(), "ICO"),
}


@pytest.mark.parametrize("content", NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_anything_but_jpeg_png_and_webp_is_refused_by_its_first_bytes(content: bytes) -> None:
    with pytest.raises(ImageFormat):
        CHECKER.check(content)


# Broken pictures


def broken() -> dict[str, bytes]:
    jpeg, png, webp = (written(photo(size=(300, 200)), name) for name in ("JPEG", "PNG", "WEBP"))
    progressive = written(photo(), "JPEG", progressive=True)
    last_scan = progressive.rindex(b"\xff\xda")
    bad_pixels = bytearray(png)
    bad_pixels[png.index(b"IDAT") + 30] ^= 0xFF
    bad_checksum = bytearray(png)
    bad_checksum[-1] ^= 0xFF
    two_frames = jpeg.replace(b"\xff\xc0", jpeg[jpeg.index(b"\xff\xc0") :][:19] + b"\xff\xc0", 1)
    return {
        "half a JPEG": jpeg[: len(jpeg) // 2],
        "a JPEG without its last bytes": jpeg[:-10],
        "a JPEG without its end": jpeg[:-2],
        "half a PNG": png[: len(png) // 2],
        "a PNG without its end": png[:-12],
        "half a WebP": webp[: len(webp) // 2],
        "magic bytes of a JPEG": b"\xff\xd8\xff",
        "magic bytes of a PNG": b"\x89PNG\r\n\x1a\n",
        "magic bytes of a WebP": b"RIFF\x04\x00\x00\x00WEBP",
        "a WebP that is all header": webp_of_header(10, 10),
        "a JPEG without pixels": b"\xff\xd8\xff\xe0\x00\x02\xff\xd9",
        "a JPEG without lines": jpeg_of_header(48, 0),
        "a JPEG of two frames": two_frames,
        "a JPEG of a thousand scans": progressive[:-2] + progressive[last_scan:-2] * 1_000 + b"\xff\xd9",
        "a PNG with a bad pixel": bytes(bad_pixels),
        "a PNG with a bad checksum": bytes(bad_checksum),
        "a PNG without pixels": png_of_header(100, 100),
        "a PNG without a size": png_of_header(0, 0),
        "a PNG with a huge chunk": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR",
        "a PNG with two headers": png_of_header(
            8, 8, chunk(b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0))
        ),
    }


@pytest.mark.parametrize("content", broken().values(), ids=broken())
def test_a_broken_picture_is_corrupt(content: bytes) -> None:
    with pytest.raises(ImageCorrupt):
        CHECKER.check(content)


@pytest.mark.parametrize("of_header", [jpeg_of_header, png_of_header, webp_of_header])
@pytest.mark.parametrize("size", [(10_000, 10_000), (1, 65_535), (16_384, 1), (7_072, 7_072)])
def test_a_header_beyond_the_budget_is_refused_before_anything_is_decoded(
    of_header: Any, size: tuple[int, int]
) -> None:
    began = time.process_time()
    with pytest.raises(ImageTooManyPixels):
        CHECKER.check(of_header(*size))
    assert time.process_time() - began < 0.1


def test_a_header_of_ten_gigapixels_is_refused() -> None:
    for content in (
        png_of_header(100_000, 100_000),
        webp_of_header(2**24, 2**24),
        png_of_header(2**31 - 1, 2**31 - 1),
    ):
        with pytest.raises(ImageTooManyPixels):
            CHECKER.check(content)


def test_a_long_thin_picture_within_the_budget_is_taken() -> None:
    stored = CHECKER.check(written(photo(size=(1, 16_383)), "PNG"))
    assert (stored.width, stored.height) == (1, 16_383)


def test_the_byte_budget_is_exact() -> None:
    content = written(photo(), "JPEG")
    assert PillowPictureChecker(max_bytes=len(content)).check(content).media_type == "image/jpeg"
    with pytest.raises(TooLarge) as caught:
        PillowPictureChecker(max_bytes=len(content) - 1).check(content)
    assert caught.value.code == "image_too_large"


# Plain pictures keep their pixels to the bit and lose everything else

PLAIN = {
    "jpeg": written(photo(), "JPEG", exif=exif(1), icc_profile=srgb(), comment=SECRET, xmp=SECRET, dpi=(300, 300)),
    "progressive jpeg": written(photo(), "JPEG", progressive=True, exif=exif(1)),
    "grey jpeg": written(photo("L"), "JPEG", exif=exif(1)),
    "jpeg with restart markers": written(photo(), "JPEG", restart_marker_blocks=1),
    "jpeg in RGB": written(photo(), "JPEG", keep_rgb=True, quality=95),
    "jpeg of several pictures": written(photo(), "MPO", save_all=True, append_images=[photo(size=(64, 64))]),
    "png": written(photo(), "PNG", exif=exif(1), icc_profile=srgb()),
    "grey png": written(photo("L"), "PNG", exif=exif(1)),
    "webp": written(photo(), "WEBP", exif=exif(1), icc_profile=srgb(), xmp=SECRET),
    "lossless webp": written(photo(), "WEBP", lossless=True, exif=exif(1)),
    "simple webp": written(photo(), "WEBP"),
}


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_a_plain_picture_keeps_its_pixels_and_loses_its_metadata(content: bytes) -> None:
    stored = CHECKER.check(content + SECRET)
    assert_stored_plainly(stored)
    assert np.array_equal(pixels(stored.content), pixels(content))
    assert len(stored.content) <= len(content)


def test_a_stored_picture_is_stored_again_as_it_is() -> None:
    for content in PLAIN.values():
        stored = CHECKER.check(content)
        assert CHECKER.check(stored.content) == stored


def test_text_and_later_frames_of_a_png_are_dropped() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Location", SECRET.decode())
    animated = written(photo(), "PNG", save_all=True, append_images=[photo("L").convert("RGB")], pnginfo=text)
    stored = CHECKER.check(animated)
    assert_stored_plainly(stored)
    assert np.array_equal(pixels(stored.content), pixels(written(photo(), "PNG")))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_a_decompression_bomb_in_a_png_s_metadata_is_never_unpacked(kind: bytes) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    keyword = b"a\0\1\0\0\0" if kind == b"iTXt" else b"a\0\0"
    content = written(photo(), "PNG")
    began = time.process_time()
    stored = CHECKER.check(content[:33] + chunk(kind, keyword + bomb) + content[33:])
    assert stored == CHECKER.check(content)
    assert time.process_time() - began < 0.1


# Others are written anew


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format_name", "options"), [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"quality": 95})]
)
def test_a_turned_picture_becomes_upright(format_name: str, options: dict[str, Any], orientation: int) -> None:
    """Turned by hand as EXIF 2.3 defines the eight values, and not by the library that turns it back."""
    upright = np.asarray(photo())
    as_saved = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    turned = Image.fromarray(np.ascontiguousarray(as_saved))
    stored = CHECKER.check(written(turned, format_name, exif=exif(orientation), **options))
    assert_stored_plainly(stored)
    assert (stored.width, stored.height) == (48, 32)
    assert np.abs(pixels(stored.content) - upright).mean() < 4


@pytest.mark.parametrize(
    "tags", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", exif(9), exif(6)[:20], b"Exif\0\0" + bytes(60)]
)
def test_metadata_that_cannot_be_read_turns_nothing(tags: bytes) -> None:
    stored = CHECKER.check(written(photo(), "JPEG", exif=tags))
    assert (stored.width, stored.height) == (48, 32)


def with_hole(mode: str) -> Image.Image:
    """A dark picture whose left half is transparent."""
    image = Image.new("LA" if mode == "LA" else "RGBA", (48, 32), (40, 255) if mode == "LA" else (40, 40, 40, 255))
    image.paste((0,) * len(image.getbands()), (0, 0, 24, 32))
    return image


TRANSPARENT = {
    "RGBA PNG": written(with_hole("RGBA"), "PNG", exif=exif(1)),
    "LA PNG": written(with_hole("LA"), "PNG"),
    "P PNG": written(with_hole("RGBA").quantize(), "PNG"),
    "RGB PNG with a transparent colour": written(
        Image.merge("RGB", with_hole("RGBA").split()[:3]), "PNG", transparency=(0, 0, 0)
    ),
    "L PNG with a transparent grey": written(with_hole("LA").getchannel("L"), "PNG", transparency=0),
    "RGBA WebP": written(with_hole("RGBA"), "WEBP", quality=95, exif=exif(1)),
    "lossless RGBA WebP": written(with_hole("RGBA"), "WEBP", lossless=True, exact=True),
}


@pytest.mark.parametrize("content", TRANSPARENT.values(), ids=TRANSPARENT)
def test_what_is_transparent_becomes_white(content: bytes) -> None:
    stored = CHECKER.check(content)
    assert_stored_plainly(stored)
    seen = pixels(stored.content)
    assert seen[:, :20].min() > 245
    assert np.abs(seen[:, 28:] - 40).max() < 12


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    stored = CHECKER.check(written(Image.new("RGBA", (8, 8), (100, 0, 200, 51)), "PNG"))
    assert np.abs(pixels(stored.content) - (224, 204, 244)).max() <= 1


def test_an_animation_becomes_its_first_frame() -> None:
    frames = [photo(), Image.new("RGB", (48, 32), "black")]
    for options in ({"quality": 95}, {"lossless": True}):
        stored = CHECKER.check(written(frames[0], "WEBP", save_all=True, append_images=frames[1:], **options))
        assert_stored_plainly(stored)
        assert np.abs(pixels(stored.content) - np.asarray(photo())).mean() < 4


def test_cmyk_becomes_rgb() -> None:
    stored = CHECKER.check(written(photo("CMYK"), "JPEG", quality=95, exif=exif(1)))
    assert_stored_plainly(stored)
    assert np.abs(pixels(stored.content) - np.asarray(photo())).mean() < 6


@pytest.mark.parametrize("mode", ["1", "P", "L"])
def test_few_colours_become_rgb_without_loss(mode: str) -> None:
    content = written(photo(mode), "PNG")
    stored = CHECKER.check(content)
    assert_stored_plainly(stored)
    assert np.array_equal(pixels(stored.content), pixels(content))


def test_sixteen_bits_of_grey_are_scaled_to_eight_and_not_clipped() -> None:
    ramp = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64)
    stored = CHECKER.check(written(Image.fromarray(ramp), "PNG"))
    assert_stored_plainly(stored)
    assert np.array_equal(pixels(stored.content)[..., 0], ramp >> 8)


def test_many_threads_get_what_one_gets() -> None:
    contents = [*PLAIN.values(), *TRANSPARENT.values()] * 4
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(CHECKER.check, contents)) == [CHECKER.check(content) for content in contents]


# Anything else


def check_or_refuse(content: bytes) -> None:
    with suppress(VitrineError):
        assert_stored_plainly(CHECKER.check(content))


SEEDS = [*PLAIN.values(), TRANSPARENT["P PNG"], TRANSPARENT["RGBA WebP"], written(photo("CMYK"), "JPEG")]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=8)), max_size=6),
    st.integers(0, 9),
)
def test_a_damaged_picture_is_stored_plainly_or_refused_by_name(
    content: bytes, damages: list[tuple[float, bytes]], cut: int
) -> None:
    damaged = bytearray(content)
    for place, replacement in damages:
        position = int(place * len(damaged))
        damaged[position : position + len(replacement)] = replacement
    check_or_refuse(bytes(damaged[: len(damaged) - cut]))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\x00\x00\x00WEBP"]), st.binary(max_size=200))
def test_noise_behind_magic_bytes_is_refused_by_name(magic: bytes, noise: bytes) -> None:
    check_or_refuse(magic + noise)
