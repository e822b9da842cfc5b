"""What a worker process opens when it starts and closes when it stops, and how long a message keeps it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from celery import signals

from app.adapters.celery.jobs import VitrineCelery
from app.adapters.celery.stopping import stopped, watch
from app.bootstrap import Application, open_application
from app.config import Settings
from app.domain.errors import Unavailable
from app.domain.uploads import Stage
from app.log import configure_logging

log = logging.getLogger(__name__)

TURN_S = 20.0
"""How long one message keeps a worker, and one batch more: a worker that is told to stop, or asked whether it lives,
answers within that time, however much waits. A message takes a millisecond, so more of them cost nothing."""

_opening = threading.Lock()


def attach(celery: VitrineCelery, settings: Settings) -> None:
    """Open the application in the process that runs the tasks, after any fork: stores' connections outlive none."""

    def opened(**_: Any) -> None:
        with _opening:
            if celery.application is None:
                celery.application = open_application(settings, celery=celery)

    def closing(**_: Any) -> None:
        if celery.application is not None:
            celery.application.close()

    watch()
    # Connected, it keeps Celery from setting up logs of its own.
    signals.setup_logging.connect(lambda **_: configure_logging(settings), weak=False)
    signals.worker_process_init.connect(opened, weak=False)  # a child of the prefork pool
    signals.worker_init.connect(lambda sender=None, **_: opened() if _in_process(sender) else None, weak=False)
    signals.worker_process_shutdown.connect(closing, weak=False)
    signals.worker_shutdown.connect(closing, weak=False)


def _in_process(sender: Any) -> bool:
    """Whether this worker runs its tasks in its own process: the pools `solo` and `threads`."""
    return "prefork" not in getattr(sender.pool_cls, "__module__", str(sender.pool_cls))


def run(celery: Any, stage: Stage) -> int:
    """Run a stage for the application of this Celery; returns how many uploads moved on.

    Ends when nothing waits, when the turn is over or when the worker is to stop; what may wait then gets a message of
    its own.
    """
    application = cast(Application, celery.application)
    stopping = _turn_over()
    moved = 0
    with _outages_told(stage.value):
        moved = application.run(stage, stopping=stopping)
        if stopping():
            application.jobs.wake(stage)
    return moved


def build(celery: Any, stage: Stage) -> None:
    """Do steps of builds for the application of this Celery; the uploads of the stage go before each.

    Ends as `run` does. A step that is due soon is waited for: the next sweep may be too late for it.
    """
    application = cast(Application, celery.application)
    with _outages_told(f"build_{stage}"):
        application.build(stage, stopping=_turn_over())


def _turn_over() -> Callable[[], bool]:
    """Whether a turn that begins now is over."""
    end = time.monotonic() + TURN_S

    def stopping() -> bool:
        return stopped() or time.monotonic() > end

    return stopping


def sweep(celery: Any) -> None:
    """Wake every stage that has something due."""
    with _outages_told("sweep"):
        cast(Application, celery.application).sweep()


@contextmanager
def _outages_told(task: str) -> Iterator[None]:
    """An outside thing that does not answer is no fault of the task, and the next sweep comes soon."""
    try:
        yield
    except Unavailable as error:
        log.warning("task.outage", extra={"task": task, "code": error.code, "detail": error.detail})
