"""The captions of a training as tokens, one wording of each drawn at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast


class Captions:
    """Every wording of every row, tokenized once. A wording is named by its place among them all."""

    def __init__(self, captions: Sequence[tuple[str, ...]], tokenizer: PreTrainedTokenizerFast) -> None:
        wordings = [wording for row in captions for wording in row]
        encoded = tokenizer(wordings, truncation=True, padding=True, return_tensors="pt")
        self._ids: Tensor = encoded["input_ids"]
        self._lengths: Tensor = encoded["attention_mask"].sum(1)
        self._counts = torch.tensor([len(row) for row in captions])
        self._first = self._counts.cumsum(0) - self._counts
        numbers: dict[str, int] = {}
        self._numbers = torch.tensor([numbers.setdefault(wording, len(numbers)) for wording in wordings])

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """One wording of each row by chance: shape (n,)."""
        chance = torch.rand(len(rows), generator=generator)
        return self._first[rows] + (chance * self._counts[rows]).long()

    def first(self, rows: Tensor) -> Tensor:
        """The first wording of each row, its title: shape (n,)."""
        return self._first[rows]

    def numbers(self, wordings: Tensor) -> Tensor:
        """The same number for the same text: shape (n,)."""
        return self._numbers[wordings]

    def lengths(self, wordings: Tensor) -> Tensor:
        """How many tokens each has: shape (n,)."""
        return self._lengths[wordings]

    def tokens(self, wordings: Tensor, *, hidden: float = 0.0) -> dict[str, Tensor]:
        """What a text tower takes, shape (n, tokens), padded to the longest of these wordings.

        A share of about `hidden` of the tokens is kept from the tower's attention, by the global generator, as
        dropout is: never the first, nor the last, which stands for the whole text.
        """
        lengths = self._lengths[wordings]
        longest = int(lengths.max())
        mask = torch.arange(longest)[None, :] < lengths[:, None]
        if hidden:
            seen = torch.rand(len(mask), longest) >= hidden
            seen[:, 0] = seen[torch.arange(len(mask)), lengths - 1] = True
            mask &= seen
        return {"input_ids": self._ids[wordings, :longest], "attention_mask": mask.long()}
