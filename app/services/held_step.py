"""A step that takes a while, and how its worker keeps it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.ports.database import Database


class StepLost(Exception):
    """Another worker has the step, or its build has ended."""


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A step in the middle of its work, which is done to its end whatever `pause` says; uploads go first in it."""

    step: Step
    database: Database
    lease: timedelta
    pause: Callable[[], bool]

    def go_on(self) -> None:
        """Begin the lease anew, after the uploads that wait. Raises `StepLost`."""
        self.pause()
        with self.database.writing() as transaction:
            if not transaction.build_steps.go_on(self.step, lease=self.lease):
                raise StepLost
