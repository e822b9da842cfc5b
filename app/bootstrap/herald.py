"""The threads in which an API process loads encoders and announces itself."""

import logging
import os
import socket
from uuid import uuid4

from app.bootstrap.repeating import Repeating
from app.domain.errors import Unavailable
from app.ports.database import Database
from app.services.announce import EVERY_S, Announcer
from app.services.encoders import Encoders

log = logging.getLogger(__name__)


class Herald:
    """Announces this process until `close`."""

    def __init__(self, database: Database, encoders: Encoders) -> None:
        self._announcer = Announcer(database, encoders, _this_process())
        self._threads = [
            Repeating("announce", self._announcer.announce, EVERY_S),
            Repeating("load", self._announcer.load, EVERY_S),
        ]

    def close(self) -> None:
        """Withdraw what was announced."""
        for thread in self._threads:
            thread.close()
        try:
            self._announcer.withdraw()
        except Unavailable as error:  # it is forgotten after a while
            log.warning("herald.not_withdrawn", extra={"detail": error.detail})


def _this_process() -> str:
    """A name that an operator finds the process by, and that no other has."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"
