"""The threads in which an API process loads encoders and announces itself."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from uuid import uuid4

from app.domain.errors import Unavailable
from app.ports.database import Database
from app.services.announce import EVERY_S, Announcer
from app.services.encoders import Encoders

log = logging.getLogger(__name__)

STOP_S = 10.0  # an encoder that is being loaded is not waited for: the process ends


class Herald:
    """Announces this process until `close`."""

    def __init__(self, database: Database, encoders: Encoders) -> None:
        self._announcer = Announcer(database, encoders, _this_process())
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(task,), name=f"vitrine-{task.__name__}", daemon=True)
            for task in (self._announcer.announce, self._announcer.load)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Withdraw what was announced."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_S)
        try:
            self._announcer.withdraw()
        except Unavailable as error:  # it is forgotten after a while
            log.warning("herald.not_withdrawn", extra={"detail": error.detail})

    def _repeat(self, task: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                task()
            except Unavailable as error:
                log.warning("herald.outage", extra={"detail": error.detail})
            except Exception:
                log.exception("herald.failed")
            self._stopping.wait(EVERY_S)


def _this_process() -> str:
    """A name that an operator finds the process by, and that no other has."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"
