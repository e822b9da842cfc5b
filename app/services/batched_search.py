"""Searches that come at once and differ in their vectors alone are asked of the store together.

A store takes little longer for eight vectors than for one. Nobody is kept waiting for company: a search goes at once
while fewer than `AT_ONCE` of its kind are under way, and those that come meanwhile go together when one of them ends.
"""

import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import StoreUnavailable
from app.domain.filters import Filter
from app.ports.vectors import Among, Neighbour, VectorSearch

AT_ONCE = 2
"""Batches of one kind that are under way at a time."""

MOST = 256
"""Vectors of a batch: Milvus takes 16,384, and who is first would wait for all of them."""

Found = list[list[Neighbour]]


class _Asked:
    """One search. `batch` is what it leads: `ready` is set once it leads one, or has an answer."""

    def __init__(self, queries: Vectors, timeout: float | None) -> None:
        self.queries: Final = queries
        self.until: Final = None if timeout is None else time.monotonic() + timeout
        self.ready: Final = threading.Event()
        self.batch: Sequence[_Asked] = ()
        self.found: Found = []
        self.failure: BaseException | None = None

    @property
    def left(self) -> float | None:
        """Seconds until it is late."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())


class _Line:
    """Searches of one kind: how many batches are under way, and who waits."""

    def __init__(self) -> None:
        self.under_way = 0
        self.waiting: list[_Asked] = []

    def next_batch(self) -> Sequence[_Asked]:
        """The first of those who wait, who do no longer."""
        vectors, count = 0, 0
        for asked in self.waiting:
            vectors += len(asked.queries)
            if count and vectors > MOST:
                break
            count += 1
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        return batch


class BatchedSearch:
    """`VectorSearch` over another. Safe to call from several threads."""

    def __init__(self, store: VectorSearch) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> Found:
        """As the store, or a failure of those it went with. Raises `StoreUnavailable` if it does not go in time."""
        if isinstance(where, Among) or not len(queries):
            return self._store.search(collection, queries, limit=limit, index=index, where=where, timeout=timeout)
        kind = (collection, queries.shape[1:], limit, index.type, tuple(index.search_params.items()), where)
        asked = _Asked(queries, timeout)
        line = self._join(kind, asked)
        if not asked.batch and not asked.ready.wait(asked.left):
            self._leave(line, asked)
        if asked.batch:
            try:
                self._ask(asked.batch, collection, limit, index, where)
            finally:
                self._pass_on(kind, line)
                for other in asked.batch:
                    other.ready.set()
        if asked.failure is not None:
            raise asked.failure
        return asked.found

    def search_words(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        limit: int,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[Neighbour] | None:
        """As the store."""
        return self._store.search_words(collection, terms, limit=limit, where=where, timeout=timeout)

    def _join(self, kind: Hashable, asked: _Asked) -> _Line:
        with self._lock:
            line = self._lines.setdefault(kind, _Line())
            if line.under_way < AT_ONCE:
                line.under_way += 1
                asked.batch = [asked]
            else:
                line.waiting.append(asked)
        return line

    def _leave(self, line: _Line, asked: _Asked) -> None:
        """Wait no longer; who was told to lead meanwhile has to."""
        with self._lock:
            if asked in line.waiting:
                line.waiting.remove(asked)
            if not asked.batch and not asked.ready.is_set():
                asked.failure = StoreUnavailable("the search found no place in time")

    def _pass_on(self, kind: Hashable, line: _Line) -> None:
        """Let the first of those who wait go next, with the others."""
        with self._lock:
            batch = line.next_batch()
            if batch:
                batch[0].batch = batch
                batch[0].ready.set()
                return
            line.under_way -= 1
            if not line.under_way:
                del self._lines[kind]

    def _ask(
        self, batch: Sequence[_Asked], collection: str, limit: int, index: IndexSpec, where: Filter | None
    ) -> None:
        """Answer all of a batch, or none of it: it takes as long as the most patient of them waits."""
        left = [asked.left for asked in batch]
        timeout = None if None in left else max(one for one in left if one is not None)
        together = batch[0].queries if len(batch) == 1 else np.concatenate([asked.queries for asked in batch])
        try:
            found = self._store.search(collection, together, limit=limit, index=index, where=where, timeout=timeout)
        except BaseException as failure:  # noqa: BLE001 - each of them raises it
            for asked in batch:
                asked.failure = failure
            return
        answers: Iterator[list[Neighbour]] = iter(found)
        for asked in batch:
            asked.found = list(islice(answers, len(asked.queries)))
