"""The captions of a training as tokens, one wording of each drawn at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast


class Captions:
    """Every wording of every row, tokenized once."""

    def __init__(self, captions: Sequence[tuple[str, ...]], tokenizer: PreTrainedTokenizerFast) -> None:
        wordings = [wording for row in captions for wording in row]
        encoded = tokenizer(wordings, truncation=True, padding=True, return_tensors="pt")
        self._ids: Tensor = encoded["input_ids"]
        self._lengths: Tensor = encoded["attention_mask"].sum(1)
        self._counts = torch.tensor([len(row) for row in captions])
        self._starts = self._counts.cumsum(0) - self._counts
        titles: dict[str, int] = {}
        self._titles = torch.tensor([titles.setdefault(row[0], len(titles)) for row in captions])

    def draw(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """One wording of each row by chance, as arguments of a text tower, padded to the longest of them."""
        chance = torch.rand(len(rows), generator=generator)
        return self._arguments(self._starts[rows] + (chance * self._counts[rows]).long())

    def first(self, rows: Tensor) -> dict[str, Tensor]:
        """The first wording of each row."""
        return self._arguments(self._starts[rows])

    def same(self, rows: Tensor) -> Tensor:
        """Which rows have the same first wording: shape (n, n), bool, true on the diagonal."""
        titles = self._titles[rows]
        return titles[:, None] == titles[None, :]

    def _arguments(self, wordings: Tensor) -> dict[str, Tensor]:
        lengths = self._lengths[wordings]
        longest = int(lengths.max())
        mask = torch.arange(longest)[None, :] < lengths[:, None]
        return {"input_ids": self._ids[wordings, :longest], "attention_mask": mask.long()}
