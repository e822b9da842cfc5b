"""Ending a build: it takes no more uploads, nothing more is done for it, and its collections go after a while."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import Build, BuildState
from app.ports.database import Transaction
from app.ports.uploads import Failure

GRACE = timedelta(seconds=60)
"""Until its collections are dropped: a query that began on them has long ended, as has a batch on its way there."""


def end_build(
    transaction: Transaction,
    build: Build,
    state: BuildState,
    what: str,
    *,
    reason: Failure | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """End a build in `state`; `what` and `told` are for its audit trail."""
    transaction.build_steps.forget(build.id)  # before the build itself is written, as whoever claims a step does
    transaction.builds.set_state(build.id, state, reason)
    transaction.builds.take_uploads(build.id, takes=False)
    transaction.build_steps.add(build.id, [NewStep(StepKind.DROP)], delay=GRACE)
    transaction.builds.record(build.id, what, dict(told or {}))
