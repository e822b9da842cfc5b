"""Training small towers on two-coloured squares: seconds, and far above chance."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from app.adapters.encoders.loader import HuggingFaceLoader
from app.adapters.training.trainer import train
from app.domain.errors import Invalid, Misconfigured
from app.domain.recall import recall_both_ways
from app.domain.training import EpochReport, TrainingPairs, TrainingProgress, TrainingReport, TrainingSettings
from tests.small_models import SMALL

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 60),
    "blue": (40, 60, 210),
    "white": (250, 250, 250),
    "black": (9, 9, 9),
}
KINDS = [(left, right) for left in COLOURS for right in COLOURS]
QUICK = replace(SMALL, epochs=3, patience=3, batch=50, learning_rate=3e-3, flip=False, shift=2)


def squares(count: int) -> TrainingPairs:
    """`count` squares of every pair of colours, noisy; the last of every pair is held out."""
    random = np.random.default_rng(0)
    pictures, captions = [], []
    for left, right in KINDS * count:
        halves = np.repeat(np.array([COLOURS[left], COLOURS[right]])[None], 32, axis=0).repeat(16, axis=1)
        pictures.append(np.clip(halves + random.integers(-30, 30, (32, 32, 3)), 0, 255).astype(np.uint8))
        captions.append((f"{left} left {right} right", f"{right} on the right of {left}"))
    held_out = np.arange(len(pictures)) >= len(pictures) - len(KINDS)
    return TrainingPairs(np.stack(pictures), captions, held_out)


PAIRS = squares(9)


def run(
    out: Path,
    settings: TrainingSettings = QUICK,
    pairs: TrainingPairs = PAIRS,
    on_step: Callable[[TrainingProgress], None] = lambda _: None,
    on_epoch: Callable[[EpochReport], None] = lambda _: None,
) -> TrainingReport:
    return train(pairs, out, settings, on_step=on_step, on_epoch=on_epoch)


def weights(out: Path) -> dict[str, Tensor]:
    return load_file(out / "model.safetensors")


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    run(out)
    return out


def test_what_was_trained_is_found_through_the_encoder(tmp_path: Path) -> None:
    report = run(tmp_path, replace(QUICK, epochs=12, patience=12))
    best = report.epochs[report.best - 1].text_to_picture
    assert best.at_5 > 0.7  # by chance 0.2
    encoder = HuggingFaceLoader(device="cpu", threads=1).load(str(tmp_path))
    held_out = np.flatnonzero(PAIRS.held_out)
    texts = encoder.encode_texts([PAIRS.captions[row][0] for row in held_out])
    pictures = encoder.encode_images([PAIRS.pictures[row] for row in held_out])
    through_encoder = recall_both_ways(texts, pictures, np.arange(len(held_out)))
    assert through_encoder[0].at_5 == pytest.approx(best.at_5, abs=0.05)
    assert through_encoder[0].queries == len(KINDS)
    assert encoder.spec.preprocessing == QUICK.preprocessing
    assert encoder.spec.max_tokens == QUICK.max_tokens


def test_the_same_seed_gives_the_same_model_and_another_another(finished: Path, tmp_path: Path) -> None:
    run(tmp_path / "same")
    run(tmp_path / "other", replace(QUICK, seed=1))
    assert same(weights(finished), weights(tmp_path / "same"))
    assert not same(weights(finished), weights(tmp_path / "other"))


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(finished: Path, tmp_path: Path) -> None:
    def die(report: EpochReport) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=die)
    steps: list[TrainingProgress] = []
    told: list[int] = []
    report = run(tmp_path, on_step=steps.append, on_epoch=lambda one: told.append(one.epoch))
    assert {step.epoch for step in steps} == {3}
    assert told == [one.epoch for one in report.epochs] == [1, 2, 3]
    assert same(weights(finished), weights(tmp_path))


def test_a_finished_training_leaves_a_model_and_nothing_else(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_a_directory_with_a_model_is_not_written_over(finished: Path) -> None:
    with pytest.raises(Misconfigured, match="holds a model already"):
        run(finished)


def test_an_unfinished_training_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    def die(_: EpochReport) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=die)
    with pytest.raises(Misconfigured, match="unfinished training"):
        run(tmp_path, replace(QUICK, learning_rate=1e-4))
    with pytest.raises(Misconfigured, match="unfinished training"):
        run(tmp_path, pairs=squares(8))


def test_training_stops_when_recall_has_stopped_rising(tmp_path: Path) -> None:
    report = run(tmp_path, replace(QUICK, epochs=9, patience=2, learning_rate=0.0))
    assert len(report.epochs) == 3
    assert report.best == 1


def test_progress_tells_every_step_with_its_loss(tmp_path: Path) -> None:
    steps: list[TrainingProgress] = []
    run(tmp_path, replace(QUICK, epochs=2), on_step=steps.append)
    assert [(one.epoch, one.step) for one in steps] == [(epoch, step) for epoch in (1, 2) for step in (1, 2, 3, 4)]
    assert {(one.epochs, one.steps) for one in steps} == {(2, 4)}
    assert steps[-1].loss < steps[0].loss


def test_weights_stored_in_half_precision_take_half_the_room(finished: Path, tmp_path: Path) -> None:
    run(tmp_path, replace(QUICK, store="fp16"))
    full, half = ((path / "model.safetensors").stat().st_size for path in (finished, tmp_path))
    assert half < 0.6 * full
    assert HuggingFaceLoader(device="cpu", threads=1).load(str(tmp_path)).encode_texts(["red left"]).shape == (1, 16)


def test_held_out_rows_teach_nothing(finished: Path, tmp_path: Path) -> None:
    captions = [(f"secret{row}",) if held else PAIRS.captions[row] for row, held in enumerate(PAIRS.held_out)]
    pictures = np.where(PAIRS.held_out[:, None, None, None], 0, PAIRS.pictures).astype(np.uint8)
    settings = replace(QUICK, epochs=1)
    run(tmp_path / "real", settings)
    run(tmp_path / "blank", settings, TrainingPairs(pictures, captions, PAIRS.held_out))
    assert same(weights(tmp_path / "real"), weights(tmp_path / "blank"))


def test_pairs_that_cannot_be_learned_from_or_measured_are_refused() -> None:
    everything = np.ones(len(PAIRS.pictures), dtype=np.bool_)
    for held_out in (everything, ~everything, everything[:-1]):
        with pytest.raises(Invalid):
            TrainingPairs(PAIRS.pictures, PAIRS.captions, held_out)
