"""A vector store in memory: exact cosine similarity, filters by the plain evaluator."""

import math
import threading
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors, flawed_rows
from app.domain.errors import BadVector, Conflict, Invalid, StoreUnavailable
from app.domain.filters import Filter
from app.domain.passing import passes
from app.ports.vectors import Among, Neighbour, Stamp, VectorRow


def bm25(documents: Mapping[str, Sequence[str]], terms: Sequence[str]) -> dict[str, float]:
    """The score of each document, by the book: Okapi's, with Lucene's weight of a term; k1 is 1.2 and b is .75."""
    average = sum(map(len, documents.values())) / max(1, len(documents))
    scores = dict.fromkeys(documents, 0.0)
    for term in terms:
        holding = sum(term in words for words in documents.values())
        weight = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for name, words in documents.items():
            if often := words.count(term):
                scores[name] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(words) / average))
    return scores


class FakeVectorStore:
    def __init__(self, *, full_text: bool = True) -> None:
        self.full_text = full_text
        self._worded: set[str] = set()
        self._collections: dict[str, tuple[int, dict[str, VectorRow]]] = {}
        self._lock = threading.RLock()
        self.aliases: dict[str, str] = {}
        self.free: int | None = None
        self.row_overhead = 0

    def check(self, index: IndexSpec, *, dimension: int) -> None:
        if index.type not in {"FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8"}:
            raise Invalid("not an index type", code="index_type")

    def create(self, collection: str, *, dimension: int, index: IndexSpec, words: bool = False) -> None:
        if not (collection.isascii() and collection.isidentifier()):
            raise Invalid("not a collection's name", code="bad_collection")
        self.check(index, dimension=dimension)
        with self._lock:
            if collection not in self._collections and words and self.full_text:
                self._worded.add(collection)
            known, _ = self._collections.setdefault(collection, (dimension, {}))
        if known != dimension:
            raise Conflict("another dimension", code="dimension")

    def point(self, alias: str, collection: str) -> None:
        with self._lock:
            self._collection(collection)
            self.aliases[alias] = collection

    def drop(self, collection: str) -> None:
        with self._lock:
            self._collections.pop(collection, None)
            self._worded.discard(collection)

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        with self._lock:
            dimension, stored = self._collection(collection)
            if any(row.vector.shape != (dimension,) for row in rows):
                raise Invalid("another dimension", code="dimension")
            if rows and flawed_rows(np.stack([row.vector for row in rows])).any():
                raise BadVector("not a vector of norm 1")
            stored.update((row.id, row) for row in rows)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with self._lock:
            _, stored = self._collection(collection)
            for row_id in ids:
                stored.pop(row_id, None)

    def settle(self, collection: str) -> None:
        pass

    def seal(self, collection: str) -> None:
        with self._lock:
            self._collection(collection)

    def unsealed(self, collection: str) -> int:
        with self._lock:
            self._collection(collection)
        return 0

    def unindexed(self, collection: str) -> int:
        with self._lock:
            self._collection(collection)
        return 0

    def unserved(self, collection: str) -> int:
        with self._lock:
            self._collection(collection)
        return 0

    def stamps(self, collection: str, ids: Sequence[str], *, own: bool = False) -> dict[str, Stamp]:
        with self._lock:
            _, stored = self._collection(collection)
            return {row_id: stored[row_id].stamp for row_id in ids if row_id in stored}

    def stamps_between(self, collection: str, after: str, before: str) -> dict[str, Stamp]:
        with self._lock:
            _, stored = self._collection(collection)
            return {
                row_id: row.stamp
                for row_id, row in stored.items()
                if row_id > after and (not before or row_id < before)
            }

    def all_versions(self, collection: str) -> dict[str, int]:
        """The version of every row; none where there is no such collection."""
        with self._lock:
            _, stored = self._collections.get(collection, (0, {}))
            return {row.id: row.stamp.version for row in stored.values()}

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | Among | None = None,
        timeout: float | None = None,
        growing: bool = True,
    ) -> list[list[Neighbour]]:
        with self._lock:
            dimension, stored = self._collection(collection)
            rows = [row for row in stored.values() if _passes(where, row)]
        if queries.shape[1:] != (dimension,):
            raise Invalid("another dimension", code="dimension")
        if limit < 1:
            raise Invalid("no limit", code="limit")
        found = []
        for query in queries:
            scored = [Neighbour(row.id, row.product_id, float(row.vector @ query)) for row in rows]
            found.append(sorted(scored, key=lambda hit: -hit.score)[:limit])
        return found

    def forget_words(self) -> None:
        """As if every collection had been made before any could be searched by words."""
        self._worded.clear()

    def search_words(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        limit: int,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[Neighbour] | None:
        if limit < 1:
            raise Invalid("no limit", code="limit")
        with self._lock:
            _, stored = self._collection(collection)
            if collection not in self._worded:
                return None
            rows = dict(stored)
        scores = bm25({row.id: row.words.split() for row in rows.values()}, terms)
        passing = [row for row in rows.values() if scores[row.id] and _passes(where, row)]
        found = [Neighbour(row.id, row.product_id, scores[row.id]) for row in passing]
        return sorted(found, key=lambda hit: -hit.score)[:limit]

    def count(self, collection: str) -> int:
        with self._lock:
            return len(self._collection(collection)[1])

    def free_bytes(self) -> int | None:
        return self.free

    def ping(self, needed: Collection[str] = ()) -> None:
        with self._lock:
            for collection in needed:
                self._collection(collection)

    def close(self) -> None:
        pass

    def _collection(self, name: str) -> tuple[int, dict[str, VectorRow]]:
        if name not in self._collections:
            raise StoreUnavailable("no such collection", code="index_lost")
        return self._collections[name]


def _passes(where: Filter | Among | None, row: VectorRow) -> bool:
    if isinstance(where, Among):
        return row.product_id in where.product_ids
    return where is None or passes(where, row.attributes)
