"""A Celery worker inside this process: the embedded default has no other. Workers: one a process."""

import logging
import threading

from celery import beat
from celery.worker import state

from app.adapters.celery.jobs import MAINTENANCE_QUEUE, VitrineCelery
from app.domain.uploads import Stage

log = logging.getLogger(__name__)

THREADS = len(Stage)  # one for each stage, so that the model never waits for the index
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 60  # work in hand is finished: a batch takes seconds


class EmbeddedWorker:
    """Runs a worker and the scheduler in threads of this process until `stop`."""

    def __init__(self, celery: VitrineCelery) -> None:
        self._celery = celery
        celery.set_default()  # tasks find their application in whatever thread they run
        self._worker = celery.WorkController(
            pool="threads",
            concurrency=THREADS,
            queues=[*(stage.value for stage in Stage), MAINTENANCE_QUEUE],
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._scheduler = beat.EmbeddedService(celery, thread=True, scheduler_cls=beat.Scheduler)
        self._thread = threading.Thread(target=self._worker.start, name="vitrine-worker", daemon=True)

    def start(self) -> None:
        """Start working."""
        state.should_stop = None
        self._thread.start()
        self._scheduler.daemon = True
        self._scheduler.start()

    def stop(self) -> None:
        """Finish the work in hand and stop."""
        self._scheduler.stop()
        state.should_stop = 0
        for _ in range(2):  # the worker looks whether to stop after an event, and takes another before it does
            self._celery.control.broadcast("ping")
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            log.warning("worker.stop_timeout")
