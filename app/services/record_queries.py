"""Recording what shoppers ask, so that a build can be asked the same before it goes live."""

import threading

from app.domain.queries import is_replayable
from app.domain.reservoir import Reservoir
from app.domain.search import SearchQuery
from app.ports.database import Database

DRAWN = 50
"""Queries of a catalog that are written down at a time, however many were asked: a sample is enough."""


class QueryRecorder:
    """Draws a sample of the queries of one process, and now and then writes it down. Safe to use from threads.

    Of each catalog the `kept` queries asked last stay; 0: none.
    """

    def __init__(self, database: Database, kept: int) -> None:
        self._database = database
        self._kept = kept
        self._lock = threading.Lock()
        self._drawn: dict[str, Reservoir[SearchQuery]] = {}

    def note(self, catalog: str, query: SearchQuery) -> None:
        """Note that a query was answered."""
        if self._kept and is_replayable(query):
            with self._lock:
                self._drawn.setdefault(catalog, Reservoir(DRAWN)).add(query)

    def forget(self, catalog: str) -> None:
        """Let go of what was drawn since the last time."""
        with self._lock:
            self._drawn.pop(catalog, None)

    def write(self) -> None:
        """Write down what was drawn since the last time. Raises `DatabaseUnavailable`, and has let go of it then."""
        with self._lock:
            drawn, self._drawn = self._drawn, {}
        if drawn:
            with self._database.writing() as transaction:
                for catalog, draw in sorted(drawn.items()):
                    transaction.builds.hold_still(catalog)  # two that record drop what the other one counts
                    transaction.queries.record(catalog, draw.drawn, keep=self._kept)
