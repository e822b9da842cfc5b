"""A thread that does something again and again, whatever becomes of it."""

import logging
import threading
from collections.abc import Callable

from app.domain.errors import Unavailable

log = logging.getLogger(__name__)

STOP_S = 10.0  # what takes longer is not waited for: the process ends


class Repeating:
    """Does a task every so many seconds until `close`."""

    def __init__(self, name: str, task: Callable[[], None], every_s: float) -> None:
        self._name, self._task, self._every_s = name, task, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=f"vitrine-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Do it no more."""
        self._stopping.set()
        self._thread.join(STOP_S)

    def _repeat(self) -> None:
        while not self._stopping.is_set():
            try:
                self._task()
            except Unavailable as error:
                log.warning(f"{self._name}.outage", extra={"detail": error.detail})
            except Exception:
                log.exception(f"{self._name}.failed")
            self._stopping.wait(self._every_s)
