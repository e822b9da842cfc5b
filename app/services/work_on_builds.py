"""Doing the steps of builds that are due, for as long as a worker may."""

import time
from collections.abc import Callable
from datetime import timedelta

from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs
from app.services.build_worker import BuildWorker
from app.services.waking import wake_builders

SOON = timedelta(seconds=15)
"""A sweep comes as often: a step that is due before the next one would otherwise be late, and a rate not kept."""

_LOOK_ANYWAY_S = 0.5  # uploads go first meanwhile
_LOOK_AGAIN_S = 0.05  # a batch of uploads takes a second; what waits for it is one step a build


def work_on_builds(
    stage: Stage, database: Database, jobs: Jobs, worker: BuildWorker, *, pause: Callable[[], bool]
) -> None:
    """Do the steps that are due for the workers of a stage until there is none, or `pause` says to stop.

    `pause` is called before each step and inside of long ones: uploads go first. A step that is due soon is waited
    for; what is due later the sweep wakes.
    """
    while not pause():
        done = worker.step(stage, pause)
        with database.reading() as transaction:
            due, now = transaction.build_steps.next_due(), transaction.now
        if done:  # what others have to do now may have come of it
            for other in [one for one, at in due.items() if one is not stage and at <= now]:
                wake_builders(jobs, other)
        elif stage not in due or due[stage] - now > SOON:
            return
        else:
            time.sleep(min(max(_LOOK_AGAIN_S, (due[stage] - now).total_seconds()), _LOOK_ANYWAY_S))
    wake_builders(jobs, stage)
