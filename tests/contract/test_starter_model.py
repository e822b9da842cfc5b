"""The starter model: what it weighs, what it knows, and what exactly it computes."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.adapters.encoders.hugging_face import HuggingFaceEncoder
from app.adapters.encoders.loader import HuggingFaceLoader
from app.services.evaluate import evaluate
from scripts.sample_catalogue.catalogue import generate

STARTER = Path(__file__).parents[2] / "scripts" / "starter_model"
UNSEEN = 77  # a seed that neither the training nor the demo draws with


@pytest.fixture(scope="module")
def starter() -> HuggingFaceEncoder:
    return HuggingFaceLoader(device="cpu", threads=1).load(str(STARTER))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Products of combinations that were held out of the training, with the path of their picture."""
    manifest = generate(tmp_path_factory.mktemp("drawn"), seed=UNSEEN, products=700)
    with manifest.open(encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if row["split"] == "heldout"]
    return [{**row, "image": str(manifest.parent / row["image"])} for row in rows]


def test_it_takes_at_most_8_mb_of_the_repository() -> None:
    assert sum(path.stat().st_size for path in STARTER.iterdir()) <= 8_000_000


def test_it_says_that_it_knows_only_drawn_products() -> None:
    card = (STARTER / "README.md").read_text(encoding="utf-8")
    assert "only drawn products" in card
    assert "@10" in card


def test_it_finds_combinations_it_has_never_seen(starter: HuggingFaceEncoder, drawn: list[dict[str, str]]) -> None:
    pairs = [(row["title"], Path(row["image"]).read_bytes()) for row in drawn]
    assert len(pairs) == 100
    measured = evaluate(starter, pairs, on_progress=lambda _: None)
    assert measured.text_to_picture.at_1 > 0.5
    assert measured.text_to_picture.at_10 > 0.9
    assert measured.picture_to_text.at_10 > 0.9


@pytest.mark.parametrize("query", ["red mug", "blue striped T-shirt", "a lamp", "umbrella with dots"])
def test_a_short_query_finds_its_kind_first(
    starter: HuggingFaceEncoder, drawn: list[dict[str, str]], query: str
) -> None:
    kinds = np.array([row["kind"] for row in drawn])
    pictures = starter.encode_images([starter.prepare(Path(row["image"]).read_bytes()) for row in drawn])
    nearest = np.argsort(-(pictures @ starter.encode_texts([query])[0]))[:2]  # of the four or five there are
    assert all(kind.lower() in query.lower() for kind in kinds[nearest])


def test_it_computes_what_it_computed_when_it_was_made(starter: HuggingFaceEncoder) -> None:
    """Loose, for processors round differently; another tokenizer, preprocessing or weight is far outside."""
    slope = np.linspace(0, 255, 96, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(slope[:, None], slope[None, :], np.uint8(60)), axis=2)
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    text = starter.encode_texts(["Red striped mug"])[0]
    picture = starter.encode_images([starter.prepare(written.getvalue())])[0]
    assert text[:4] == pytest.approx([-0.0553, 0.0178, -0.0537, 0.0183], abs=5e-3)
    assert picture[:4] == pytest.approx([-0.1039, -0.0899, 0.0453, -0.1437], abs=5e-3)
