"""What a worker process opens when it starts and closes when it stops."""

import threading
from typing import Any, cast

from celery import signals
from celery.worker import state

from app.adapters.celery.jobs import VitrineCelery
from app.bootstrap import Application, open_application
from app.config import Settings
from app.domain.uploads import Stage
from app.log import configure_logging

_opening = threading.Lock()


def attach(celery: VitrineCelery, settings: Settings) -> None:
    """Open the application in the process that runs the tasks, after any fork: stores' connections outlive none."""

    def opened(**_: Any) -> None:
        configure_logging(settings)
        with _opening:
            if celery.application is None:
                celery.application = open_application(settings, celery=celery)

    def closing(**_: Any) -> None:
        if celery.application is not None:
            celery.application.close()

    signals.worker_process_init.connect(opened, weak=False)  # a child of the prefork pool
    signals.worker_init.connect(lambda sender=None, **_: opened() if _in_process(sender) else None, weak=False)
    signals.worker_process_shutdown.connect(closing, weak=False)
    signals.worker_shutdown.connect(closing, weak=False)


def _in_process(sender: Any) -> bool:
    """Whether this worker runs its tasks in its own process: the pools `solo` and `threads`."""
    return "prefork" not in getattr(sender.pool_cls, "__module__", str(sender.pool_cls))


def run(celery: Any, stage: Stage) -> int:
    """Run a stage for the application of this Celery; returns how many uploads moved on."""
    application = cast(Application, celery.application)
    return application.run(stage, stopping=lambda: state.should_stop is not None)


def sweep(celery: Any) -> None:
    """Wake every stage that has something due."""
    cast(Application, celery.application).sweep()
