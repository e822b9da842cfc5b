"""One training in memory: what it learns from, what has been learned so far, and how good that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from app.adapters.training.augment import vary
from app.adapters.training.captions import Captions
from app.adapters.training.learning import contrastive_loss, learning_rate, new_optimizer
from app.adapters.training.towers import new_towers
from app.adapters.training.wordpieces import learn_tokenizer
from app.domain.recall import Recall, ranks, recall
from app.domain.training import TrainingPairs, TrainingProgress, TrainingSettings

_MEASURED = 1_000
"""Held-out rows that an epoch is measured on: enough for ±0.03, and seconds of time. Recall falls with their number."""


class Learner:
    """Two towers and their optimizer over the pairs of one training.

    Everything drawn by chance in an epoch depends on the seed and the number of that epoch alone, so that a training
    which goes on from a checkpoint draws what it would have drawn.
    """

    def __init__(self, pairs: TrainingPairs, settings: TrainingSettings) -> None:
        self._settings = settings
        torch.manual_seed(settings.seed)
        learned_from = [row for row, held in zip(pairs.captions, pairs.held_out, strict=True) if not held]
        self.tokenizer = learn_tokenizer(
            (wording for row in learned_from for wording in row),
            vocabulary=settings.vocabulary,
            max_tokens=settings.max_tokens,
        )
        self.model = new_towers(settings, vocabulary=len(self.tokenizer))
        self._optimizer = new_optimizer(self.model, settings)
        self._captions = Captions(pairs.captions, self.tokenizer)
        self._pictures = torch.from_numpy(pairs.pictures)
        self._rows = torch.from_numpy(np.flatnonzero(~pairs.held_out))
        held_out = np.random.default_rng(settings.seed).permutation(np.flatnonzero(pairs.held_out))
        self._measured = torch.from_numpy(np.sort(held_out[:_MEASURED]))
        self._batch = min(settings.batch, len(self._rows))
        self._steps = len(self._rows) // self._batch

    def learn(self, epoch: int, on_step: Callable[[TrainingProgress], None]) -> float:
        """Go once through the rows that are not held out; give the mean loss. Rows that fill no batch wait."""
        settings = self._settings
        seed = settings.seed + 1_000_003 * epoch
        torch.manual_seed(seed)  # dropout draws from the global generator
        generator = torch.Generator().manual_seed(seed)
        shuffled = self._rows[torch.randperm(len(self._rows), generator=generator)]
        self.model.train()
        total = 0.0
        for step in range(self._steps):
            for group in self._optimizer.param_groups:
                done = (epoch - 1) * self._steps + step
                group["lr"] = learning_rate(done, settings.epochs * self._steps, settings)
            loss = self._step(shuffled[step * self._batch : (step + 1) * self._batch], generator)
            total += loss
            on_step(TrainingProgress(epoch, settings.epochs, step + 1, self._steps, loss))
        return total / self._steps

    def _step(self, rows: Tensor, generator: torch.Generator) -> float:
        settings = self._settings
        pictures = vary(self._pixels(rows), flip=settings.flip, shift=settings.shift, generator=generator)
        loss = contrastive_loss(
            self._encode_pictures(pictures),
            self._encode_texts(self._captions.draw(rows, generator)),
            self.model.logit_scale,
            self._captions.same(rows),
        )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        return float(loss.detach())

    def measure(self) -> tuple[Recall, Recall]:
        """Recall from text to picture and from picture to text, by first wording, among the measured rows."""
        self.model.eval()
        pictures, texts = [], []
        with torch.inference_mode():
            for rows in self._measured.split(self._batch):
                pictures.append(functional.normalize(self._encode_pictures(self._pixels(rows)), dim=1))
                texts.append(functional.normalize(self._encode_texts(self._captions.first(rows)), dim=1))
        picture_vectors, text_vectors = torch.cat(pictures).numpy(), torch.cat(texts).numpy()
        own = np.arange(len(self._measured))
        return recall(ranks(text_vectors, picture_vectors, own)), recall(ranks(picture_vectors, text_vectors, own))

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model and the optimizer as they are."""
        return self.model.state_dict(), self._optimizer.state_dict()

    def restore(self, model: dict[str, Any], optimizer: dict[str, Any]) -> None:
        """Go back to a state."""
        self.model.load_state_dict(model)
        self._optimizer.load_state_dict(optimizer)

    def _pixels(self, rows: Tensor) -> Tensor:
        return self._pictures[rows].permute(0, 3, 1, 2)

    def _encode_pictures(self, pictures: Tensor) -> Tensor:
        preprocessing = self._settings.preprocessing
        mean, std = (torch.tensor(three)[:, None, None] for three in (preprocessing.mean, preprocessing.std))
        with self._arithmetic():
            found = self.model.get_image_features(pixel_values=(pictures.float() / 255 - mean) / std)
        return found.pooler_output.float()  # type: ignore[union-attr]

    def _encode_texts(self, arguments: dict[str, Tensor]) -> Tensor:
        with self._arithmetic():
            found = self.model.get_text_features(**arguments)
        return found.pooler_output.float()  # type: ignore[union-attr]

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.precision == "bf16")
