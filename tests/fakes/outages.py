"""A vector store of which a part fails or hangs when it is searched."""

import threading
from collections.abc import Sequence
from typing import Any

from app.domain.embeddings import Vectors
from app.domain.errors import StoreUnavailable
from app.ports.vectors import Neighbour, VectorSearch


class UnwellStore:
    """`VectorSearch` over another. Collections in `raising` raise; those in `hanging` wait until `release`."""

    def __init__(self, store: VectorSearch) -> None:
        self._store = store
        self._released = threading.Event()
        self.raising: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.asked: list[tuple[str, float | None]] = []

    def fail(self, collection: str) -> None:
        self.raising[collection] = StoreUnavailable("it is away")

    def release(self) -> None:
        self.hanging.clear()
        self._released.set()

    def search(
        self, collection: str, queries: Vectors, *, timeout: float | None = None, **named: Any
    ) -> list[list[Neighbour]]:
        self._suffer(collection, timeout)
        return self._store.search(collection, queries, timeout=timeout, **named)

    def search_words(
        self, collection: str, terms: Sequence[str], *, timeout: float | None = None, **named: Any
    ) -> list[Neighbour] | None:
        self._suffer(collection, timeout)
        return self._store.search_words(collection, terms, timeout=timeout, **named)

    def _suffer(self, collection: str, timeout: float | None) -> None:
        self.asked.append((collection, timeout))
        if collection in self.raising:
            raise self.raising[collection]
        if collection in self.hanging:
            assert self._released.wait(30)
