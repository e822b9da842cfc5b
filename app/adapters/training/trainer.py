"""Learn a small dual encoder from pairs of picture and caption, epoch by epoch, and write it down."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save

from app.adapters.training.checkpoint import (
    Checkpoint,
    delete_checkpoint,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from app.adapters.training.learner import Learner
from app.adapters.training.output import check_output
from app.domain.embeddings import Preprocessing
from app.domain.training import EpochReport, TrainingPairs, TrainingProgress, TrainingReport, TrainingSettings


def train(
    pairs: TrainingPairs,
    out: Path,
    settings: TrainingSettings,
    *,
    on_step: Callable[[TrainingProgress], None],
    on_epoch: Callable[[EpochReport], None],
) -> TrainingReport:
    """Train, and write to `out` a model directory that the encoder adapter loads.

    Every epoch leaves a checkpoint in `out`; a second call with the same pairs and settings goes on from there and
    ends with the same weights, up to rounding; `on_epoch` then tells of the epochs before, too. The epoch with the
    best mean of recall@1, @5 and @10 from text to picture is the one that is kept. Raises `Misconfigured` where
    `out` cannot be written to, or holds a model, or the checkpoint of another training.
    """
    check_output(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(devices=[]):
        learner = Learner(pairs, settings)
        finished = _learn(learner, out, settings, fingerprint(pairs, settings), on_step, on_epoch)
    learner.model.load_state_dict(finished.best)
    _write(learner, out, settings)
    delete_checkpoint(out)
    parameters = sum(parameter.numel() for parameter in learner.model.parameters())
    return TrainingReport(finished.epochs, _best(finished.epochs), parameters)


def _learn(
    learner: Learner,
    out: Path,
    settings: TrainingSettings,
    made_from: str,
    on_step: Callable[[TrainingProgress], None],
    on_epoch: Callable[[EpochReport], None],
) -> Checkpoint:
    """Go on from the checkpoint, or begin, until the last epoch or until recall has stopped rising."""
    checkpoint = load_checkpoint(out, made_from)
    if checkpoint is None:
        checkpoint = Checkpoint({}, {}, {}, ())
    else:
        learner.restore(checkpoint.model, checkpoint.optimizer)
    for report in checkpoint.epochs:
        on_epoch(report)
    while not _is_over(checkpoint.epochs, settings):
        report = _epoch(learner, len(checkpoint.epochs) + 1, on_step)
        epochs = (*checkpoint.epochs, report)
        model, optimizer = learner.state()
        is_best = _best(epochs) == report.epoch
        best = {name: tensor.clone() for name, tensor in model.items()} if is_best else checkpoint.best
        checkpoint = Checkpoint(model, optimizer, best, epochs)
        save_checkpoint(out, checkpoint, made_from)
        on_epoch(report)
    return checkpoint


def _epoch(learner: Learner, epoch: int, on_step: Callable[[TrainingProgress], None]) -> EpochReport:
    started, started_cpu = time.monotonic(), time.process_time()
    loss = learner.learn(epoch, on_step)
    text_to_picture, picture_to_text = learner.measure()
    return EpochReport(
        epoch, loss, text_to_picture, picture_to_text, time.monotonic() - started, time.process_time() - started_cpu
    )


def _score(report: EpochReport) -> float:
    found = report.text_to_picture
    return (found.at_1 + found.at_5 + found.at_10) / 3


def _best(epochs: tuple[EpochReport, ...]) -> int:
    return max(epochs, key=_score).epoch


def _is_over(epochs: tuple[EpochReport, ...], settings: TrainingSettings) -> bool:
    if not epochs:
        return False
    return len(epochs) >= settings.epochs or len(epochs) - _best(epochs) >= settings.patience


def _write(learner: Learner, out: Path, settings: TrainingSettings) -> None:
    dtype = torch.float16 if settings.store == "fp16" else torch.float32
    weights = {name: tensor.to(dtype).contiguous() for name, tensor in learner.model.state_dict().items()}
    # Not save_file: what it writes only its owner may read.
    (out / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
    learner.tokenizer.save_pretrained(out)
    (out / "preprocessor_config.json").write_text(json.dumps(_described(settings.preprocessing), indent=2) + "\n")
    learner.model.config.architectures = [type(learner.model).__name__]
    learner.model.config.save_pretrained(out)  # last: it is what makes a directory a model


def _described(preprocessing: Preprocessing) -> dict[str, object]:
    """The same preprocessing in the words of transformers' image processors."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": preprocessing.size, "width": preprocessing.size},
        "resample": 3,  # bicubic
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
    }
