"""A step that takes a while, and how its worker keeps it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.ports.database import Database


class StepLost(Exception):
    """Another worker has the step, or its build has ended."""


class Stopped(Exception):
    """The worker is told to stop."""


def never() -> bool:
    """A worker that nobody stops."""
    return False


@dataclass(slots=True)
class HeldStep:
    """A step in the middle of its work, with uploads first in it.

    It is done to its end whatever `pause` says, for a turn is shorter; where the worker is `stopped` it ends early.
    `progressed` is noted by its work: whatever it waits for from then on, it has not waited for before.
    """

    step: Step
    database: Database
    lease: timedelta
    pause: Callable[[], object]
    stopped: Callable[[], bool] = never
    progressed: bool = False

    def go_on(self) -> None:
        """Begin the lease anew, after the uploads that wait. Raises `StepLost` and `Stopped`.

        The lease is what takes the step from a worker that hangs: nothing else bounds how long it takes, but for the
        hours after which a task is ended. Whoever does not come by here loses the step, another worker begins it
        again, and nothing that this one writes down counts.
        """
        self.pause()
        if self.stopped():
            raise Stopped
        with self.database.writing() as transaction:
            if not transaction.build_steps.go_on(self.step, lease=self.lease):
                raise StepLost
