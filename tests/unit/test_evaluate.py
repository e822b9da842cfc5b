from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.domain.errors import BadVector, Invalid
from app.services.evaluate import evaluate
from tests.fakes.encoders import COLOURS, FakeEncoder


def square(colour: tuple[int, int, int]) -> bytes:
    written = BytesIO()
    Image.new("RGB", (20, 20), colour).save(written, "PNG")
    return written.getvalue()


PAIRS = [(f"{name} picture", square(colour)) for name, colour in COLOURS.items()]


def test_an_encoder_that_knows_colours_finds_each_by_its_name() -> None:
    measured = evaluate(FakeEncoder(), PAIRS, on_progress=lambda _: None)
    assert measured.text_to_picture.at_1 == measured.picture_to_text.at_1 == 1.0
    assert measured.text_to_picture.queries == 4


def test_wrong_captions_are_not_found_first() -> None:
    swapped = list(zip([PAIRS[1][0], PAIRS[0][0]], [PAIRS[0][1], PAIRS[1][1]], strict=True))
    measured = evaluate(FakeEncoder(), swapped + PAIRS[2:], on_progress=lambda _: None)
    assert measured.text_to_picture.at_1 == measured.picture_to_text.at_1 == 0.5


def test_a_picture_that_cannot_be_decoded_is_counted_and_left_out() -> None:
    measured = evaluate(FakeEncoder(), [*PAIRS, ("broken", b"no picture")], on_progress=lambda _: None)
    assert measured.undecodable == 1
    assert measured.text_to_picture.queries == 4


def test_equal_captions_are_encoded_once() -> None:
    encoder = FakeEncoder()
    evaluate(encoder, PAIRS * 50, on_progress=lambda _: None)
    assert (encoder.encoded_texts, encoder.encoded_images) == (4, 200)


def test_progress_counts_every_pair() -> None:
    told: list[int] = []
    evaluate(FakeEncoder(), [*PAIRS * 40, ("broken", b"")], on_progress=told.append)
    assert told == [64, 128, 161]


@pytest.mark.parametrize("pairs", [[], [("broken", b"no picture")]])
def test_nothing_to_measure_is_an_error_and_no_recall_of_zero(pairs: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Invalid) as caught:
        evaluate(FakeEncoder(), pairs, on_progress=lambda _: None)
    assert caught.value.code == "nothing_to_measure"


def test_a_vector_that_is_no_number_stops_the_evaluation() -> None:
    class Broken(FakeEncoder):
        def encode_images(self, pictures: object) -> np.ndarray:
            return np.full((len(pictures), 64), np.nan, dtype=np.float32)  # type: ignore[arg-type]

    with pytest.raises(BadVector):
        evaluate(Broken(), PAIRS, on_progress=lambda _: None)
