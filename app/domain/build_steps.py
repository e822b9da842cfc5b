"""The work of a build: steps that workers take one at a time, how far it is, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.builds import Build
from app.domain.uploads import Stage

BUILDING = (Stage.ENCODE, Stage.INDEX)
"""The stages whose workers do the steps of builds: a step begins with those who index."""


class StepKind(StrEnum):
    """estimate → open → slice → fill, by pages → check; reconcile and tune, now and then; drop, once it ended."""

    ESTIMATE = "estimate"
    """Tell what it will take, and go on."""
    DRY_RUN = "dry_run"
    """Tell what it would take, and end."""
    OPEN = "open"
    """Make its collections: from then on every upload goes to it."""
    SLICE = "slice"
    """Divide the products that are there by then into pages."""
    FILL = "fill"
    """Bring one page of products in."""
    CHECK = "check"
    """Compare it with the database and with the build it is to follow."""
    DROP = "drop"
    """Drop its collections."""
    RECONCILE = "reconcile"
    """Compare its rows with the database, and repair them."""
    TUNE = "tune"
    """Measure which search parameters it needs, and take them."""


ESTIMATING = (StepKind.ESTIMATE, StepKind.DRY_RUN)
"""Done by the workers of either stage: whoever encodes measures the model."""


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to be done: a page holds `products`, those with an id beyond `after`, up to and with `up_to`.

    The empty text is no bound. `told` is JSON: what was asked for, or what was counted so far of what is done in
    several steps.
    """

    kind: StepKind
    after: str = ""
    up_to: str = ""
    products: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that one worker holds until its lease ends.

    `touched` says that a worker before may have written some of its page.
    """

    build: Build
    number: int
    page: NewStep
    stage: Stage
    attempts: int
    touched: bool
    token: str
    error_code: str | None = None
    error_detail: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is filled: products of its pages, and when the pages were made and the last was done."""

    products: int = 0
    filled: int = 0
    began_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def per_second(self) -> float | None:
        """Products a second so far."""
        if self.began_at is None or self.last_at is None:
            return None
        seconds = (self.last_at - self.began_at).total_seconds()
        return self.filled / seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class BuildEvent:
    """Something that happened to a build, for the audit trail."""

    at: datetime
    what: str
    told: Mapping[str, Any]
