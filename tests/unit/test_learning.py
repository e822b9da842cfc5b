"""The parts of a training: the loss, the learning rate, the varied pictures, the drawn captions."""

import math

import pytest
import torch

from app.adapters.training.augment import vary
from app.adapters.training.byte_pairs import learn_tokenizer
from app.adapters.training.captions import Captions
from app.adapters.training.learning import contrastive_loss, learning_rate
from app.domain.training import TrainingSettings

SCALE = torch.tensor(math.log(10.0))


def test_the_loss_is_the_symmetric_cross_entropy_of_the_scores() -> None:
    pictures, texts = torch.eye(2), torch.tensor([[3.0, 0.0], [3.0, 3.0]])
    scores = 10 * torch.tensor([[1.0, 0.5**0.5], [0.0, 0.5**0.5]])
    expected = -(scores.log_softmax(0).diag().mean() + scores.log_softmax(1).diag().mean()) / 2
    assert contrastive_loss(pictures, texts, SCALE, torch.eye(2).bool()) == pytest.approx(float(expected))


def test_equal_titles_are_not_held_against_each_other() -> None:
    pictures, texts = torch.eye(3), torch.eye(3)
    texts[1] = texts[0]
    told_apart = contrastive_loss(pictures, texts, SCALE, torch.eye(3).bool())
    same = torch.block_diag(torch.ones(2, 2), torch.ones(1, 1)).bool()
    not_told_apart = contrastive_loss(pictures, texts, SCALE, same)
    assert not_told_apart < told_apart
    alone = contrastive_loss(pictures[:1], texts[:1], SCALE, torch.eye(1).bool())
    assert float(alone) == 0


def test_the_temperature_is_bounded() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    bounded = contrastive_loss(vectors, vectors, torch.tensor(math.log(100)), torch.eye(2).bool())
    assert contrastive_loss(vectors, vectors, torch.tensor(50.0), torch.eye(2).bool()) == bounded


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_pictures_are_moved_by_at_most_the_shift_and_keep_their_size() -> None:
    pictures = torch.zeros(200, 3, 16, 16, dtype=torch.uint8)
    pictures[:, :, 8, 5] = 255
    moved = vary(pictures, flip=False, shift=3, zoom=0.0, generator=torch.Generator().manual_seed(0))
    assert moved.shape == pictures.shape
    _, rows, columns = (moved[:, 0] > 1).nonzero(as_tuple=True)
    assert set(rows.tolist()) == set(range(5, 12))
    assert set(columns.tolist()) == set(range(2, 9))


def test_pictures_are_scaled_around_their_centre_by_at_most_the_zoom() -> None:
    pictures = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    pictures[:, :, 8:24, 8:24] = 200
    scaled = vary(pictures, flip=False, shift=0, zoom=0.25, generator=torch.Generator().manual_seed(0))
    sides = (scaled[:, 0] > 100).sum(1).amax(1)
    assert 12 <= int(sides.min()) <= 14
    assert 19 <= int(sides.max()) <= 22
    assert torch.allclose(scaled, scaled.flip(3), atol=1e-2)


def test_half_of_the_pictures_are_mirrored() -> None:
    pictures = torch.zeros(400, 3, 8, 8, dtype=torch.uint8)
    pictures[..., 0] = 255
    mirrored = vary(pictures, flip=True, shift=0, zoom=0.0, generator=torch.Generator().manual_seed(0))
    share = (mirrored[:, 0, 0, 7] > 254).float().mean()
    assert 0.4 < share < 0.6
    untouched = vary(pictures, flip=False, shift=0, zoom=0.0, generator=torch.Generator())
    assert torch.allclose(untouched, pictures.float(), atol=1e-2)


@pytest.fixture
def captions() -> Captions:
    rows = [("red mug", "a mug in deep red"), ("blue mug",), ("red mug",)]
    tokenizer = learn_tokenizer([one for row in rows for one in row], vocabulary=300, max_tokens=8)
    return Captions(rows, tokenizer)


def test_every_wording_is_drawn(captions: Captions) -> None:
    drawn = captions.draw(torch.zeros(100, dtype=torch.long), torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {0, 1}
    assert captions.draw(torch.tensor([1]), torch.Generator()).tolist() == [2]


def test_drawn_captions_are_padded_to_the_longest_drawn(captions: Captions) -> None:
    for rows in ([0], [1], [0, 1]):
        tokens = captions.tokens(captions.first(torch.tensor(rows)))
        assert tokens["input_ids"].shape == tokens["attention_mask"].shape
        assert int(tokens["attention_mask"].sum(1).max()) == tokens["input_ids"].shape[1]


def test_the_same_text_has_the_same_number(captions: Captions) -> None:
    assert captions.numbers(torch.arange(4)).tolist() == [0, 1, 2, 0]


def test_a_tokenizer_lowers_its_text_knows_every_sign_and_cuts() -> None:
    tokenizer = learn_tokenizer(["red mug", "red hat"] * 3, vocabulary=300, max_tokens=5)
    assert tokenizer("RED Mug")["input_ids"] == tokenizer("red mug")["input_ids"]
    assert tokenizer.decode(tokenizer("☃ été", add_special_tokens=False)["input_ids"]).strip() == "☃ été"
    cut = tokenizer("red mug red mug red mug", truncation=True)["input_ids"]
    assert (len(cut), cut[0], cut[-1]) == (5, tokenizer.cls_token_id, tokenizer.sep_token_id)


def test_the_same_captions_give_the_same_tokenizer() -> None:
    captions = [
        f"{colour} {kind} number {i}" for i in range(30) for colour in ("red", "blue") for kind in ("mug", "hat")
    ]
    once, again = (learn_tokenizer(captions, vocabulary=400, max_tokens=8) for _ in range(2))
    assert once.backend_tokenizer.to_str() == again.backend_tokenizer.to_str()
