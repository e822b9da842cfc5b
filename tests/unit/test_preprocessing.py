from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from transformers import CLIPImageProcessorPil

from app.adapters.encoders.preprocessing import prepare
from app.domain.embeddings import Preprocessing
from app.domain.errors import ImageCorrupt
from tests.small_models import photo

HALF = (0.5, 0.5, 0.5)
CROPPED = Preprocessing(224, 224, "crop", "bicubic", HALF, HALF)
STRETCHED = Preprocessing(64, 64, "stretch", "bicubic", HALF, HALF)


def library(content: bytes, preprocessing: Preprocessing) -> np.ndarray:
    """The pixels of transformers' own image processor."""
    crops = preprocessing.fit == "crop"
    side = {"height": preprocessing.size, "width": preprocessing.size}
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": preprocessing.resize} if crops else side,
        crop_size=side,
        do_center_crop=crops,
        do_rescale=False,
        do_normalize=False,
    )
    pixels = processor(Image.open(BytesIO(content)), return_tensors="np")["pixel_values"][0]
    return pixels.transpose(1, 2, 0).astype(float)


@pytest.mark.parametrize(
    "preprocessing", [CROPPED, Preprocessing(200, 256, "crop", "bicubic", HALF, HALF), STRETCHED]
)
@pytest.mark.parametrize(("width", "height"), [(300, 300), (60, 80), (333, 251), (241, 418)])
def test_a_picture_is_prepared_as_the_library_prepares_it(
    preprocessing: Preprocessing, width: int, height: int
) -> None:
    content = photo(width, height, form="PNG")
    prepared = prepare(content, preprocessing).astype(float)
    assert prepared.shape == (preprocessing.size, preprocessing.size, 3)
    # A level of rounding here and there: one resize with a box is not two steps.
    assert np.abs(prepared - library(content, preprocessing)).max() <= 2


@pytest.mark.parametrize("preprocessing", [CROPPED, STRETCHED])
@pytest.mark.parametrize(("width", "height"), [(1000, 1000), (1600, 1200), (900, 1500)])
def test_a_jpeg_decoded_at_a_fraction_stays_near_the_library(
    preprocessing: Preprocessing, width: int, height: int
) -> None:
    content = photo(width, height)
    difference = np.abs(prepare(content, preprocessing) - library(content, preprocessing))
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) < 8


def test_a_large_jpeg_is_not_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = photo(2000, 2000), photo(400, 400)
    decoded: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def watched(image: Image.Image, *arguments: object, **options: object) -> Image.Image:
        decoded.append(image.size)
        return resize(image, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", watched)
    prepare(large, CROPPED)
    prepare(small, CROPPED)
    # Never below twice the size asked for, where the quality of a fraction would show.
    assert decoded == [(500, 500), (400, 400)]


def test_stretching_keeps_the_edges_that_a_crop_loses() -> None:
    wide = Image.new("RGB", (300, 100), "white")
    wide.paste("red", (0, 0, 60, 100))
    written = BytesIO()
    wide.save(written, "PNG")
    stretched = prepare(written.getvalue(), STRETCHED)
    cropped = prepare(written.getvalue(), Preprocessing(64, 64, "crop", "bicubic", HALF, HALF))
    assert (stretched[:, 2] == (255, 0, 0)).all()
    assert (cropped == 255).all()


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "WEBP"), ("1", "PNG"), ("LA", "PNG")]
)
def test_any_colour_mode_becomes_three_channels_of_bytes(mode: str, form: str) -> None:
    prepared = prepare(photo(90, 90, mode=mode, form=form), STRETCHED)
    assert prepared.shape == (64, 64, 3)
    assert prepared.dtype == np.uint8


@pytest.mark.parametrize("content", [b"", b"<svg/>", photo(200, 200)[:400], photo(200, 200, form="PNG")[:-500]])
def test_a_picture_that_cannot_be_decoded_is_called_corrupt(content: bytes) -> None:
    with pytest.raises(ImageCorrupt):
        prepare(content, STRETCHED)
