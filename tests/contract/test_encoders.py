"""What every encoder does, the fake one and the real ones."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.adapters.encoders.loader import HuggingFaceLoader
from app.domain.embeddings import flawed_rows
from app.domain.errors import ImageCorrupt
from app.ports.encoders import Encoder
from tests.fakes.encoders import FakeEncoder
from tests.small_models import photo, write_clip, write_dual_encoder, write_other_dual_encoder

TEXTS = ["red mug", "a", "a striped sofa with four legs", "blue mug"]
WRITERS = {"clip": write_clip, "dual encoder": write_dual_encoder, "other dual encoder": write_other_dual_encoder}


@pytest.fixture(scope="module", params=["fake", *WRITERS])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    if request.param == "fake":
        return FakeEncoder()
    directory = WRITERS[request.param](tmp_path_factory.mktemp("model"))
    return HuggingFaceLoader(device="cpu", threads=1).load(str(directory))


def test_texts_become_rows_of_norm_1_in_their_order(encoder: Encoder) -> None:
    vectors = encoder.encode_texts(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.spec.dimension)
    assert vectors.dtype == np.float32
    assert not flawed_rows(vectors).any()
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.allclose(encoder.encode_texts([text])[0], vector, atol=1e-5)


def test_pictures_become_rows_of_norm_1_in_their_order(encoder: Encoder) -> None:
    pictures = [encoder.prepare(photo(60, 80, seed=seed)) for seed in range(3)]
    vectors = encoder.encode_images(pictures)
    assert vectors.shape == (3, encoder.spec.dimension)
    assert vectors.dtype == np.float32
    assert not flawed_rows(vectors).any()
    for picture, vector in zip(pictures, vectors, strict=True):
        assert np.allclose(encoder.encode_images([picture])[0], vector, atol=1e-5)


def test_different_contents_get_different_vectors(encoder: Encoder) -> None:
    pictures = [encoder.prepare(photo(60, 80, seed=seed)) for seed in range(3)]
    for vectors in (encoder.encode_texts(TEXTS), encoder.encode_images(pictures)):
        assert len(np.unique(vectors.round(4), axis=0)) == len(vectors)


def test_an_empty_list_gives_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, encoder.spec.dimension)


def test_a_prepared_picture_has_the_size_the_spec_says(encoder: Encoder) -> None:
    prepared = encoder.prepare(photo(60, 80))
    assert prepared.shape == (encoder.spec.preprocessing.size, encoder.spec.preprocessing.size, 3)
    assert prepared.dtype == np.uint8


def test_a_picture_that_cannot_be_decoded_is_corrupt(encoder: Encoder) -> None:
    with pytest.raises(ImageCorrupt):
        encoder.prepare(b"no picture")


def test_threads_share_one_encoder(encoder: Encoder) -> None:
    picture = encoder.prepare(photo(60, 80))
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda text: encoder.encode_texts([text])[0], TEXTS * 10))
        pictures = list(pool.map(lambda one: encoder.encode_images([one])[0], [picture] * 10))
    assert np.allclose(texts, np.tile(encoder.encode_texts(TEXTS), (10, 1)), atol=1e-5)
    assert np.allclose(pictures, encoder.encode_images([picture]), atol=1e-5)
