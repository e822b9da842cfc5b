"""Waking workers after a commit: the rows are the work, so a broker that is away costs time and nothing else."""

import logging

from app.domain.errors import BrokerUnavailable
from app.domain.uploads import Stage
from app.ports.jobs import Jobs

log = logging.getLogger(__name__)


def wake_stage(jobs: Jobs, stage: Stage) -> None:
    """Wake a stage, or leave it to the sweep."""
    try:
        jobs.wake(stage)
    except BrokerUnavailable as error:
        log.warning("jobs.wake_failed", extra={"detail": error.detail})


def wake_builders(jobs: Jobs, stage: Stage) -> None:
    """Wake those of a stage's workers who do steps of builds, or leave it to the sweep."""
    try:
        jobs.wake_builds(stage)
    except BrokerUnavailable as error:
        log.warning("jobs.wake_failed", extra={"detail": error.detail})
