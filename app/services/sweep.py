"""Sweeping: waking every stage that has something due, whatever became of the message that should have."""

from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs


def sweep(database: Database, jobs: Jobs) -> dict[Stage, int]:
    """Wake the stages with uploads due; returns how many each has. Raises `BrokerUnavailable`."""
    with database.reading() as transaction:
        due = transaction.uploads.due()
    for stage, count in due.items():
        if count:
            jobs.wake(stage)
    return due
