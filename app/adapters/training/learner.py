"""One training in memory: what it learns from, what has been learned so far, and how good that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from app.adapters.training.augment import vary
from app.adapters.training.byte_pairs import learn_tokenizer
from app.adapters.training.captions import Captions
from app.adapters.training.learning import contrastive_loss, learning_rate, new_optimizer
from app.adapters.training.towers import new_towers
from app.domain.recall import Recall, recall_both_ways
from app.domain.training import TrainingPairs, TrainingProgress, TrainingSettings

_MEASURED = 1_000
"""Held-out rows that an epoch is measured on: enough for ±0.03, in seconds. Recall falls with their number."""

_LENGTHS = 4  # groups of texts of like length in a batch


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
        self.model = new_towers(settings, self.tokenizer)
        self._optimizer = new_optimizer(self.model, settings)
        self._captions = Captions(pairs.captions, self.tokenizer)
        self._pictures = torch.from_numpy(pairs.pictures)
        self._rows = torch.from_numpy(np.flatnonzero(~pairs.held_out))
        held_out = np.random.default_rng(settings.seed).permutation(np.flatnonzero(pairs.held_out))
        self._measured = torch.from_numpy(np.sort(held_out[:_MEASURED]))
        self._batch = min(settings.batch, len(self._rows))
        self._steps = len(self._rows) // self._batch
        self._in_bf16 = settings.precision == "bf16" or (settings.precision == "auto" and _has_bf16())

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
        pictures = vary(
            self._pixels(rows), flip=settings.flip, shift=settings.shift, zoom=settings.zoom, generator=generator
        )
        wordings = self._captions.draw(rows, generator)
        loss = contrastive_loss(
            self._encode_pictures(pictures),
            self._encode_texts(wordings),
            self.model.logit_scale,
            self._same(wordings) | self._same(self._captions.first(rows)),
        )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch's
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        return float(loss.detach())

    def measure(self) -> tuple[Recall, Recall]:
        """Recall from text to picture and from picture to text, by first wording, among the measured rows."""
        self.model.train(False)
        pictures, texts = [], []
        with torch.inference_mode():
            for rows in torch.split(self._measured, self._batch):
                pictures.append(functional.normalize(self._encode_pictures(self._pixels(rows)), dim=1))
                texts.append(functional.normalize(self._encode_texts(self._captions.first(rows)), dim=1))
        titles = self._captions.numbers(self._captions.first(self._measured)).numpy()
        _, first, text_of = np.unique(titles, return_index=True, return_inverse=True)
        return recall_both_ways(torch.cat(texts).numpy()[first], torch.cat(pictures).numpy(), text_of)

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
            pixels = ((pictures / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
            found = self.model.get_image_features(pixel_values=pixels)
        pooled: Tensor = found.pooler_output
        return pooled.float()

    def _same(self, wordings: Tensor) -> Tensor:
        numbers = self._captions.numbers(wordings)
        return numbers[:, None] == numbers

    def _encode_texts(self, wordings: Tensor) -> Tensor:
        # Texts of like length go together: padding all to the longest of a batch would double the tower's work.
        order = self._captions.lengths(wordings).argsort()
        hidden = self._settings.token_dropout if self.model.training else 0.0
        with self._arithmetic():
            found = [
                self.model.get_text_features(**self._captions.tokens(some, hidden=hidden)).pooler_output
                for some in wordings[order].chunk(_LENGTHS)
            ]
        return torch.cat(found)[order.argsort()].float()

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._in_bf16)


def _has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; where it does not, that takes longer than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
