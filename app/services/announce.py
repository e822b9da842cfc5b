"""An API process loads the encoders of builds that may go live, and says so: a promotion waits until all have."""

import logging
from datetime import timedelta

from app.domain.builds import Build, BuildState
from app.ports.database import Database
from app.services.encoders import Encoders

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How often a process says so: a fifth of the time for which it counts as there."""

GONE = timedelta(hours=1)
"""After which what a process said that has died without a word is forgotten."""

MAY_ANSWER = (BuildState.READY, BuildState.LIVE, BuildState.RETIRED)


class Announcer:
    """Announces one process, again and again."""

    def __init__(self, database: Database, encoders: Encoders, process_id: str) -> None:
        self._database = database
        self._encoders = encoders
        self._process_id = process_id
        self._loaded: frozenset[str] = frozenset()
        self._failed: set[str] = set()

    def announce(self) -> None:
        """Say that the process is there, and what it has loaded. Raises `DatabaseUnavailable`.

        Not by the thread that loads: to load an encoder may take longer than a process counts as there.
        """
        with self._database.writing() as transaction:
            transaction.announcements.announce(self._process_id, self._loaded)
            transaction.announcements.forget(older_than=GONE)

    def load(self) -> None:
        """Load the encoders of builds that may answer. Raises `DatabaseUnavailable`."""
        with self._database.reading() as transaction:
            wanted = [build for build in transaction.builds.taking() if build.state in MAY_ANSWER]
        for build in wanted:
            if build.encoder.fingerprint not in self._loaded:
                self._try(build)

    def _try(self, build: Build) -> None:
        fingerprint = build.encoder.fingerprint
        try:
            self._encoders.of(build.encoder).encode_texts(["ready"])
        except Exception as error:  # noqa: BLE001 - whatever it is, other encoders are loaded all the same
            if fingerprint not in self._failed:  # once: it is tried again every time
                log.warning("encoder.not_loaded", extra={"build": build.id, "detail": str(error)})
            self._failed.add(fingerprint)
            return
        self._failed.discard(fingerprint)
        self._loaded = self._loaded | {fingerprint}  # anew: another thread reads it

    def withdraw(self) -> None:
        """Say that the process is no longer there."""
        with self._database.writing() as transaction:
            transaction.announcements.withdraw(self._process_id)
