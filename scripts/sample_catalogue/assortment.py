"""Which products the shop gets: combinations, kept apart for training and for measuring."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from .kinds import KINDS
from .palette import COLOURS
from .patterns import PATTERNS

Split = Literal["train", "heldout"]

_HELD_OUT_SHARE = 0.15
_HELD_OUT_EVERY = 7  # one product in seven, so a share like that of the combinations


@dataclass(frozen=True)
class Combination:
    """What is held out of training, or not, as one."""

    kind: str
    colour: str
    pattern: str

    @property
    def split(self) -> Split:
        """Decided by the words alone: the same for every seed, size and machine."""
        words = f"{self.kind}|{self.colour}|{self.pattern}"
        digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
        return "heldout" if int.from_bytes(digest) < _HELD_OUT_SHARE * 2**64 else "train"


class _Deck:
    """The combinations of one kind and split; those whose colour and pattern were seen least are dealt first."""

    def __init__(self, combinations: list[Combination], seen: Counter[str], random: Random) -> None:
        self._all, self._seen, self._random = combinations, seen, random
        self._left: list[Combination] = []

    def deal(self) -> Combination:
        if not self._left:
            self._left = self._random.sample(self._all, len(self._all))
        seen = self._seen
        dealt = min(self._left, key=lambda one: seen[one.colour] + seen[one.pattern])
        self._left.remove(dealt)
        seen.update((dealt.colour, dealt.pattern))
        return dealt


def combinations() -> Iterator[Combination]:
    """All there are."""
    for kind in KINDS:
        for colour in COLOURS:
            for pattern in PATTERNS:
                yield Combination(kind, colour, pattern)


def assortment(count: int, random: Random) -> list[Combination]:
    """Deal combinations: kinds in turn, colours and patterns evenly within each split, one in seven held out."""
    by_deck: dict[tuple[str, Split], list[Combination]] = {}
    for one in combinations():
        by_deck.setdefault((one.kind, one.split), []).append(one)
    seen: dict[Split, Counter[str]] = {"train": Counter(), "heldout": Counter()}
    decks = {key: _Deck(cards, seen[key[1]], random) for key, cards in by_deck.items()}
    kinds = random.sample(list(KINDS), len(KINDS))
    dealt = []
    for index in range(count):
        split: Split = "heldout" if index % _HELD_OUT_EVERY == index // len(kinds) % _HELD_OUT_EVERY else "train"
        dealt.append(decks[kinds[index % len(kinds)], split].deal())
    return dealt
