"""The work of builds in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.domain.build_steps import NewStep, Progress, Step, StepKind
from app.domain.builds import Build
from app.domain.uploads import Stage
from app.ports.uploads import Failure


class BuildSteps(Protocol):
    """The work of builds: rows with a lease and an attempt count, as uploads are."""

    def add(self, build_id: str, steps: Sequence[NewStep], *, delay: timedelta = timedelta()) -> None:
        """Append steps to the work of a build, due after `delay`."""
        ...

    def claim(self, stage: Stage, *, lease: timedelta, but: StepKind | None = None) -> Step | None:
        """Take the step that is due longest, `but` for those of a kind, and count the attempt.

        Dry runs come before all others: somebody waits for them, and they are short. A page is not due before the
        rate of its build allows it. Where a worker died of the attempt before, the reason that an earlier one was
        given back for is forgotten. Kinds of step that are not known here are passed over, as in `next_due`.
        """
        ...

    def go_on(self, step: Step, *, lease: timedelta, touched: bool = False) -> bool:
        """Begin the lease anew; False where the step is no longer this worker's. `touched` stays noted."""
        ...

    def finish(self, step: Step) -> bool:
        """Mark a step as done; False where it is no longer this worker's."""
        ...

    def hand_over(self, step: Step, stage: Stage) -> None:
        """Give a step to the workers of another stage, due at once."""
        ...

    def release(
        self,
        step: Step,
        reason: Failure,
        *,
        delay: timedelta,
        blameless: bool,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Give a step back, due after `delay`; `blameless` takes the attempt back. `told` replaces what it had."""
        ...

    def charge_again(self, build_id: str) -> None:
        """Count the pages of a build that are not done against its rate once more: it has changed."""
        ...

    def forget(self, build_id: str) -> None:
        """Drop what is left to do of a build."""
        ...

    def lacking(self, kind: StepKind) -> list[Build]:
        """The builds that take uploads and are filled, and have no step of this kind to be done."""
        ...

    def left(self, build_id: str) -> int:
        """How many steps of a build are not done."""
        ...

    def waiting(self, build_id: str) -> Failure | None:
        """Why a step of a build is tried again, where one is that nobody has taken."""
        ...

    def told(self, build_id: str, kind: StepKind) -> tuple[Mapping[str, Any], Failure | None] | None:
        """What stands in a step of this kind that is to be done, and why it is tried again, if nobody has taken it.

        None where there is no such step.
        """
        ...

    def progress(self, build_id: str) -> Progress:
        """How far a build is filled."""
        ...

    def next_due(self) -> dict[Stage, datetime]:
        """When the next step of each stage may be taken; stages that have none are left out."""
        ...

    def forget_leases(self) -> None:
        """End every lease. Only for a process that knows itself to be the only worker."""
        ...
