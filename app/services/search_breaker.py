"""A circuit breaker round the searches of the vector store: while it fails, nobody waits for it to fail again.

Searches alone go through it. Who writes waits for the store as long as it takes.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import StoreUnavailable
from app.domain.filters import Filter
from app.ports.vectors import Among, Neighbour, VectorSearch
from app.services.build_faults import INDEX_LOST

log = logging.getLogger(__name__)

Found = TypeVar("Found")

FAILURES = 4
"""In a row: more than the legs of one search. One that fails by chance has others beside it that do not."""
WINDOW_S = 60.0
"""In which they come: in a shop that is searched twice an hour, failures of yesterday say nothing of now."""
PAUSE_S = 5.0
"""Until one search asks again: as long as a 503 tells its caller to wait."""


class BreakerState(StrEnum):
    """Whether searches reach the store."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """None does: each is answered at once."""
    HALF_OPEN = "half_open"
    """One alone does, and what becomes of it decides."""


class _Call:
    """A search under way, told apart from every other; `due` is when it should have ended."""

    def __init__(self, due: float) -> None:
        self.due = due


class SearchBreaker:
    """`VectorSearch` over another. Safe to call from several threads; `clock` gives seconds that never go back.

    What was given less than `fair_s` and took longer says nothing about the store, and counts for neither side; a
    search that should have ended and has not is a failure, which is seen by whoever looks next. What never asks the
    store counts for neither side too.
    """

    def __init__(
        self, store: VectorSearch, *, fair_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._fair_s = fair_s
        self._clock = clock
        self._lock = threading.Lock()
        self._asking: set[_Call] = set()
        self._failed_at: deque[float] = deque(maxlen=FAILURES)
        self._opened_at: float | None = None
        self._entered_at = -math.inf
        self._probe: _Call | None = None

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[list[Neighbour]]:
        """As the store. Raises `StoreUnavailable` at once while it fails."""
        if isinstance(where, Among) and not where.product_ids:
            return [[] for _ in queries]
        return self._through(
            timeout,
            lambda: self._store.search(collection, queries, limit=limit, index=index, where=where, timeout=timeout),
        )

    def search_words(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        limit: int,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[Neighbour] | None:
        """As the store. Raises `StoreUnavailable` at once while it fails."""
        if not terms or (isinstance(where, Among) and not where.product_ids):
            return []
        return self._through(
            timeout,
            lambda: self._store.search_words(collection, terms, limit=limit, where=where, timeout=timeout),
        )

    def _through(self, timeout: float | None, ask: Callable[[], Found]) -> Found:
        call = self._admit(timeout)
        try:
            found = ask()
        except StoreUnavailable as error:
            lost = error.code == INDEX_LOST  # of one collection; the store has answered
            self._end(call, failed=not lost, answered=lost)
            raise
        except BaseException:  # which the store may never have been asked
            self._end(call)
            raise
        self._end(call, answered=found is not None)  # that there are no words is known without asking
        return found

    @property
    def state(self) -> BreakerState:
        """Whether searches reach the store now."""
        with self._lock:
            now = self._look()
            if self._rests(now):
                return BreakerState.OPEN
            return BreakerState.CLOSED if self._opened_at is None else BreakerState.HALF_OPEN

    def check(self) -> None:
        """Return if a search may reach the store. Raises `StoreUnavailable`."""
        if self.state is BreakerState.OPEN:
            raise _resting()

    def enter(self) -> None:
        """Let a search begin that has no thread yet. Raises `StoreUnavailable` at once while the store fails.

        Stuck calls may hold every thread, and who waits for one waits in vain: half open, one may in each pause.
        """
        with self._lock:
            now = self._look()
            if self._opened_at is not None:
                if self._probe is not None or self._rests(now) or now < self._entered_at + PAUSE_S:
                    raise _resting()
                self._entered_at = now

    def _look(self) -> float:
        """The time, at which every call that should have ended has failed."""
        now = self._clock()
        for overdue in [one for one in self._asking if one.due < now]:
            self._fail(overdue, now)
        return now

    def _admit(self, timeout: float | None) -> _Call:
        with self._lock:
            now = self._look()
            call = _Call(math.inf if timeout is None else now + timeout)
            if self._opened_at is not None:
                if self._probe is not None or self._rests(now):
                    raise _resting()
                self._probe = call
            if call is self._probe or timeout is None or timeout >= self._fair_s:
                self._asking.add(call)
            return call

    def _end(self, call: _Call, *, failed: bool = False, answered: bool = False) -> None:
        with self._lock:
            if failed:
                self._fail(call, self._clock())
            self._asking.discard(call)
            if call is self._probe:  # it says nothing: the next may begin at once
                self._probe, self._entered_at = None, -math.inf
            if answered:
                self._close()

    def _fail(self, call: _Call, now: float) -> None:
        """Count a failure, of each call once."""
        if call not in self._asking:
            return
        self._asking.discard(call)
        self._failed_at.append(now)
        in_a_row = len(self._failed_at) == FAILURES and now - self._failed_at[0] <= WINDOW_S
        if call is self._probe or (self._opened_at is None and in_a_row):
            log.warning("search_breaker.opened", extra={"again": self._opened_at is not None})
            self._opened_at, self._probe = now, None

    def _close(self) -> None:
        if self._opened_at is not None:
            log.warning("search_breaker.closed")
        self._failed_at.clear()
        self._opened_at = self._probe = None

    def _rests(self, now: float) -> bool:
        return self._opened_at is not None and now < self._opened_at + PAUSE_S


def _resting() -> StoreUnavailable:
    return StoreUnavailable("the vector store failed several times in a row: searches ask it again in a few seconds")
