"""What a small dual encoder is trained from, with which settings, and what the training reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.embeddings import Preprocessing
from app.domain.errors import Invalid
from app.domain.recall import Recall

_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class TrainingPairs:
    """Pictures with their captions, a row per product.

    `pictures`: shape (n, size, size, 3), uint8, prepared as `TrainingSettings.preprocessing` says. `captions`: for
    each row one or more wordings, of which every epoch draws one; recall is measured with the first. `held_out`:
    shape (n,), bool: the rows that are measured and never learned from. Near-duplicates must not lie on both sides.
    """

    pictures: NDArray[np.uint8]
    captions: Sequence[tuple[str, ...]]
    held_out: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not len(self.pictures) == len(self.captions) == len(self.held_out):
            raise Invalid("a training needs one picture, one tuple of captions and one held_out mark a row")
        if self.held_out.all() or not self.held_out.any():
            raise Invalid("a training needs rows to learn from and rows that are held out to measure recall")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The size of the two towers and the way they learn.

    The defaults suit some ten thousand products and two CPU cores. Widths and depths of the picture tower, a
    ResNet, are given by stage: the first has a grid of a quarter of `picture_size`, every further one halves it.
    """

    picture_size: int = 64  # pixels
    picture_widths: tuple[int, ...] = (48, 96, 192, 256)
    picture_depths: tuple[int, ...] = (2, 2, 2, 2)
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 3
    vocabulary: int = 8192
    max_tokens: int = 40
    dimension: int = 256
    epochs: int = 12
    patience: int = 5  # epochs without a better recall before the training stops
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.1  # share of all steps
    token_dropout: float = 0.15  # share of a text's tokens that a step does not see
    flip: bool = True  # false where left and right differ, as in writing
    shift: int = 4  # pixels, at most
    zoom: float = 0.1  # share of the picture, at most
    seed: int = 0
    threads: int = 2
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # of the arithmetic; auto: bf16 where the processor has it
    store: Literal["fp32", "fp16"] = "fp32"  # of the weights on disk; fp16 halves them

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures are prepared for these towers: stretched, as products fill their photos to the edge."""
        return Preprocessing(self.picture_size, self.picture_size, "stretch", "bicubic", _HALF, _HALF)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a training stands: `step` of `steps` in `epoch` of `epochs` (all from 1), and the loss of that step."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: mean loss, recall both ways on held-out rows, and its time."""

    epoch: int
    loss: float
    text_to_picture: Recall
    picture_to_text: Recall
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """All epochs in order; `best` (from 1) is the one whose weights were written."""

    epochs: tuple[EpochReport, ...]
    best: int
    parameters: int
