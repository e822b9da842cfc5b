"""A Celery worker inside this process: the embedded default has no other. Workers: one a process."""

import logging
import threading
from collections.abc import Callable

from celery.worker import state

from app.adapters.celery.jobs import MAINTENANCE_QUEUE, SWEEP_EVERY_S, VitrineCelery
from app.domain.build_steps import BUILDING
from app.domain.errors import Unavailable
from app.domain.uploads import Stage

log = logging.getLogger(__name__)

THREADS = len(Stage) + len(BUILDING)  # one for each task, so that the model never waits for the index
STOP_TIMEOUT_S = 60  # work in hand is finished: a batch takes seconds
AGAIN_S = 1.0  # until what ended by itself begins anew: seldom enough for a log, soon for whoever waits


class EmbeddedWorker:
    """Runs a worker and the scheduler in threads of this process until `stop`.

    Celery ends a worker at an error it has not foreseen (no file descriptor is left, a shutdown was broadcast) and
    tells nobody. Here it begins anew, the log says so, and so does `ping` meanwhile.
    """

    def __init__(self, celery: VitrineCelery) -> None:
        self._celery = celery
        celery.set_default()  # tasks find their application in whatever thread they run
        self._stopping = threading.Event()
        self._well = {"worker": threading.Event(), "scheduler": threading.Event()}
        self._threads = [
            threading.Thread(target=self._keep_up, args=(part, run), name=f"vitrine-{part}", daemon=True)
            for part, run in (("worker", self._work), ("scheduler", self._schedule))
        ]

    def start(self) -> None:
        """Start working."""
        for well in self._well.values():
            well.set()
        for thread in self._threads:
            thread.start()

    def ping(self) -> None:
        """Return if both run. Raises `Unavailable` (`worker_stopped`)."""
        stopped = [part for part, well in self._well.items() if not well.is_set()]
        if stopped:
            told = " and the ".join(stopped)
            raise Unavailable(f"the {told} stopped: the log says why, and it starts again", code="worker_stopped")

    def stop(self) -> None:
        """Finish the work in hand and stop."""
        self._stopping.set()
        state.should_stop = 0
        for _ in range(2):  # the worker looks whether to stop after an event, and takes another before it does
            self._celery.control.broadcast("ping")
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
            if thread.is_alive():
                log.warning("worker.stop_timeout", extra={"thread": thread.name})

    def _keep_up(self, part: str, run: Callable[[], None]) -> None:
        well = self._well[part]
        while not self._stopping.is_set():
            well.set()
            try:
                run()
            except Exception:
                log.exception("worker.failed", extra={"part": part})
            finally:
                well.clear()
            if not self._stopping.is_set():
                log.error("worker.stopped", extra={"part": part, "again_s": AGAIN_S})
                self._stopping.wait(AGAIN_S)

    def _work(self) -> None:
        state.should_stop = None  # which would end this one as it ended the one before
        if self._stopping.is_set():
            return
        self._celery.WorkController(
            pool="threads",
            concurrency=THREADS,
            queues=[*(stage.value for stage in Stage), MAINTENANCE_QUEUE],
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        ).start()

    def _schedule(self) -> None:
        while not self._stopping.wait(SWEEP_EVERY_S):
            self._celery.send_task("vitrine.sweep", retry=False)
