"""Sweeping: waking all who have something due, whatever became of the message that should have."""

from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs


def sweep(database: Database, jobs: Jobs) -> dict[Stage, int]:
    """Wake those with uploads or steps of builds due; returns how many uploads. Raises `BrokerUnavailable`."""
    with database.reading() as transaction:
        due = transaction.uploads.due()
        steps = transaction.build_steps.next_due()
        now = transaction.now
    for stage, count in due.items():
        if count:
            jobs.wake(stage)
    for stage, at in steps.items():
        if at <= now:
            jobs.wake_builds(stage)
    return due
