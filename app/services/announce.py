"""An API process loads the encoders of builds that may go live, and says so: a promotion waits until all have."""

import logging
from collections.abc import Collection
from datetime import timedelta

from app.domain.builds import BuildState
from app.domain.errors import EncoderError
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
        self._loaded: set[str] = set()
        self._failed: set[str] = set()

    def announce(self) -> None:
        """Load what is not loaded yet, and say what is. Raises `DatabaseUnavailable`."""
        with self._database.reading() as transaction:
            wanted = [build for build in transaction.builds.taking() if build.state in MAY_ANSWER]
        # Said first: to load an encoder may take longer than a process counts as there.
        self._say(self._loaded)
        for build in wanted:
            fingerprint = build.encoder.fingerprint
            if fingerprint in self._loaded:
                continue
            try:
                self._encoders.of(build.encoder).encode_texts(["ready"])
            except EncoderError as error:
                if fingerprint not in self._failed:  # once: it is tried again every time
                    log.warning("encoder.not_loaded", extra={"build": build.id, "detail": error.detail})
                self._failed.add(fingerprint)
                continue
            self._loaded.add(fingerprint)
            self._failed.discard(fingerprint)
            self._say(self._loaded)

    def withdraw(self) -> None:
        """Say that the process is no longer there."""
        with self._database.writing() as transaction:
            transaction.announcements.withdraw(self._process_id)

    def _say(self, fingerprints: Collection[str]) -> None:
        with self._database.writing() as transaction:
            transaction.announcements.announce(self._process_id, fingerprints)
            transaction.announcements.forget(older_than=GONE)
