"""Finding the cheapest search parameter that reaches a recall, and what is told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

RECALL = 0.95
"""What is asked for where nobody says: of the hundred best products a search brings 95."""

NOISE = 0.01
"""Two recalls nearer than this are one: so closely a few hundred queries tell them."""

TUNING, TUNED, MEASURED, NOT_TUNED = "tuning", "tuned", "measured", "not tuned"
"""What a build's events say of it: the last one of these tells how it stands. What is only measured is not stored."""

UNTUNED = "untuned"
"""What they say of a build that is searched as it was made again."""


def _nothing_yet() -> dict[str, Any]:
    return {"bands": [], "left_out": [], "compared": []}


@dataclass(frozen=True, slots=True)
class Tuning:
    """A build being tuned for `recall`, in (0, 1]: what is left to be done, and what was `found` so far; all is JSON.

    `compare` are the index types that are still to be compared. `bands` are still to be measured, each as the share
    it stands for and its filter, None for a search without one; None as a whole until they are chosen. A `dry_run`
    leaves what searches use as it is.
    """

    recall: float
    compare: Sequence[str] = ()
    bands: Sequence[tuple[float, Mapping[str, Any] | None]] | None = None
    found: Mapping[str, Any] = field(default_factory=_nothing_yet)
    dry_run: bool = False

    @staticmethod
    def asked(recall: float, compare: Sequence[str] = (), *, dry_run: bool = False) -> "Tuning":
        """What an operator asks for. Whoever compares index types has not decided yet: that is a dry run too."""
        return Tuning(recall, compare, dry_run=dry_run or bool(compare))

    @property
    def told(self) -> dict[str, Any]:
        """As a step tells it. Releases that know no dry run do not read that word: it stands only where it is one."""
        return {name: value for name, value in asdict(self).items() if name != "dry_run" or value}

    @property
    def left(self) -> bool:
        """Whether there is anything left to be done."""
        return self.bands is None or bool(self.compare or self.bands)

    def with_more(self, kind: str, *some: Mapping[str, Any]) -> "Tuning":
        """The same after more was found of a kind."""
        return replace(self, found={**self.found, kind: [*self.found[kind], *some]})


@dataclass(slots=True)
class Ladder:
    """The recall of each value of a parameter that was tried, on the way to the least value that reaches `target`.

    A greater value never finds less, so it is doubled until the target is reached, and the steps between are halved.
    """

    target: float
    recalls: dict[int, float] = field(default_factory=dict)

    def climb(self, recall_of: Callable[[int], float], *, least: int, most: int) -> None:
        """Try values from `least` to `most`, until the least one is known that reaches the target."""

        def reaches(value: int) -> bool:
            if value not in self.recalls:
                self.recalls[value] = recall_of(value)
            return self.recalls[value] >= self.target

        below, value = least - 1, least
        while not reaches(value):
            if value == most:
                return
            below, value = value, min(2 * value, most)
        while value - below > 1:
            middle = (below + value) // 2
            below, value = (below, middle) if reaches(middle) else (middle, value)
        if value < most:
            reaches(min(2 * value, most))  # what more of it would give

    @property
    def reached(self) -> bool:
        """Whether any value reaches the target."""
        return any(recall >= self.target for recall in self.recalls.values())

    @property
    def chosen(self) -> int:
        """The least value that reaches the target, or, where none does, the least that is as good as the best."""
        enough = self.target if self.reached else max(self.recalls.values()) - NOISE
        return min(value for value, recall in self.recalls.items() if recall >= enough)
