"""Drift: how what a build holds may differ from what the database says it should."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Drift(StrEnum):
    """What is wrong with one row of a build's collections."""

    MISSING = "missing"
    """It should be there and is not."""
    ORPHANED = "orphaned"
    """It is there and should not be: its product is deleted or unknown, or has no such picture."""
    STALE = "stale"
    """It is of another version, or of another content, than the newest that was indexed."""
    UNSEARCHABLE = "unsearchable"
    """It is there, and a search by its own vector does not find it."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many rows were compared, how many differed by kind, and how many of these were repaired."""

    rows: int = 0
    drifted: dict[Drift, int] = field(default_factory=lambda: dict.fromkeys(Drift, 0))
    repaired: int = 0

    def with_more(self, rows: int, drifted: Iterable[Drift], repaired: int) -> "Reconciled":
        """The same after more rows were compared."""
        counted = dict(self.drifted)
        for kind in drifted:
            counted[kind] += 1
        return Reconciled(self.rows + rows, counted, self.repaired + repaired)

    def __add__(self, other: "Reconciled") -> "Reconciled":
        """Both together."""
        counted = {kind: count + other.drifted[kind] for kind, count in self.drifted.items()}
        return Reconciled(self.rows + other.rows, counted, self.repaired + other.repaired)

    @property
    def left(self) -> int:
        """How many rows differ still."""
        return sum(self.drifted.values()) - self.repaired

    @property
    def told(self) -> dict[str, int]:
        """As a document."""
        kinds = {kind.value: count for kind, count in self.drifted.items()}
        return {"rows": self.rows, **kinds, "repaired": self.repaired}

    @staticmethod
    def read(told: Mapping[str, int]) -> "Reconciled":
        """A document, read back."""
        kinds = {kind: told.get(kind.value, 0) for kind in Drift}
        return Reconciled(told.get("rows", 0), kinds, told.get("repaired", 0))
