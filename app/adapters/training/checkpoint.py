"""An unfinished training on disk: what it takes to go on after the last whole epoch."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.domain.errors import Misconfigured
from app.domain.recall import Recall
from app.domain.training import EpochReport, TrainingPairs, TrainingSettings

_FILE = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything after an epoch: the model and optimizer as they are, the best weights so far, and the reports."""

    model: dict[str, Any]
    optimizer: dict[str, Any]
    best: dict[str, Any]
    epochs: tuple[EpochReport, ...]


def fingerprint(pairs: TrainingPairs, settings: TrainingSettings) -> str:
    """What a training is made from, in 64 hex digits: an unfinished one goes on only with the same."""
    described = asdict(settings)
    del described["threads"]  # a run may go on with more or fewer
    hashed = hashlib.sha256(json.dumps([described, list(pairs.captions)], sort_keys=True).encode())
    hashed.update(np.ascontiguousarray(pairs.held_out).data)
    hashed.update(np.ascontiguousarray(pairs.pictures).data)
    return hashed.hexdigest()


def save_checkpoint(folder: Path, checkpoint: Checkpoint, made_from: str) -> None:
    """Write all of it, or nothing: a run killed in the middle finds the epoch before."""
    written = {
        "made_from": made_from,
        "model": checkpoint.model,
        "optimizer": checkpoint.optimizer,
        "best": checkpoint.best,
        "epochs": [asdict(epoch) for epoch in checkpoint.epochs],
    }
    torch.save(written, folder / f"{_FILE}.new")
    (folder / f"{_FILE}.new").replace(folder / _FILE)


def load_checkpoint(folder: Path, made_from: str) -> Checkpoint | None:
    """What an unfinished training left, or None. Raises `Misconfigured` where it was made from something else."""
    if not (folder / _FILE).is_file():
        return None
    read = torch.load(folder / _FILE, weights_only=True)
    if read["made_from"] != made_from:
        raise Misconfigured(
            f"{folder} holds an unfinished training of other products or settings: "
            f"give another directory, or delete {_FILE} there"
        )
    return Checkpoint(read["model"], read["optimizer"], read["best"], tuple(map(_epoch, read["epochs"])))


def delete_checkpoint(folder: Path) -> None:
    """Forget the unfinished training: it is finished."""
    (folder / _FILE).unlink(missing_ok=True)


def _epoch(read: dict[str, Any]) -> EpochReport:
    both = {way: Recall(**read[way]) for way in ("text_to_picture", "picture_to_text")}
    return EpochReport(**{**read, **both})
