"""Aliases follow the live builds, for people who look at the vector store. No query is answered by one."""

import logging
import threading

from app.domain.builds import BuildState
from app.domain.errors import Unavailable
from app.ports.database import Database
from app.ports.vectors import VectorStore

log = logging.getLogger(__name__)


class Aliases:
    """Points aliases at the collections of live builds. Safe to call from several threads."""

    def __init__(self, database: Database, store: VectorStore) -> None:
        self._database = database
        self._store = store
        self._lock = threading.Lock()
        self._pointed: dict[str, str] = {}

    def follow(self) -> None:
        """Point what does not point there yet; a store that does not answer is asked again next time."""
        with self._database.reading() as transaction:
            live = [build for build in transaction.builds.taking() if build.state is BuildState.LIVE]
        with self._lock:
            for build in live:
                for alias, collection in build.aliases.items():
                    if self._pointed.get(alias) == collection:
                        continue
                    try:
                        self._store.point(alias, collection)
                    except Unavailable as error:
                        log.warning("alias.not_pointed", extra={"alias": alias, "detail": error.detail})
                        continue
                    self._pointed[alias] = collection
