"""Where milvus-lite has the rows that are searched: in segments, and in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from milvus_lite.index.brute_force import BruteForceIndex
from milvus_lite.index.faiss_ivf_flat import faiss
from milvus_lite.search.filter import evaluate_mask
from milvus_lite.storage.segment import Segment
from numpy.typing import NDArray

from app.adapters.milvus.lite_filters import Passing, passing_rows
from app.adapters.milvus.lite_settled import Mask
from app.adapters.milvus.lite_view import Memory, View
from app.adapters.milvus.lite_words import Postings, postings_of
from app.domain.embeddings import Vectors

Nearest = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Rows and their distances, 1 - cosine, each of shape (queries, limit); -1 and infinity where there is none."""


class Rows(Protocol):
    """Rows that are searched together."""

    def key(self, row: int) -> str:
        """The primary key of a row."""
        ...

    def value(self, row: int, name: str) -> Any:
        """One field of a row."""
        ...

    def nearest(self, queries: Vectors, limit: int, passing: Passing | None) -> Nearest:
        """The nearest rows of each query, of norm 1; there may be fewer columns than the limit."""
        ...

    def words(self) -> tuple[Postings, Mask]:
        """The terms of a collection with words, and which rows count."""
        ...

    def passed(self, passing: Passing | None) -> Mask:
        """Which rows count and pass."""
        ...


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """The rows of a segment, those in the mask counting, searched by its index with `params`."""

    segment: Segment
    counting: Mask
    vector_field: str
    params: Mapping[str, Any]

    def key(self, row: int) -> str:
        """See `Rows`."""
        return str(self.segment.pks[row])

    def value(self, row: int, name: str) -> Any:
        """See `Rows`."""
        return self.segment.table.column(name)[row].as_py()

    def nearest(self, queries: Vectors, limit: int, passing: Passing | None) -> Nearest:
        """See `Rows`."""
        mask = self.passed(passing)
        if not mask.any():
            return _nothing(len(queries), limit)
        index: Any = self.segment.indexes.get(self.vector_field)
        if isinstance(getattr(index, "_index", None), faiss.Index):
            return _faiss_nearest(index._index, queries, limit, mask, self.params)
        whole: Any = index or BruteForceIndex.build(self.segment.vectors, "COSINE")
        found: Nearest = whole.search(queries, limit, valid_mask=mask)
        return found

    def words(self) -> tuple[Postings, Mask]:
        """See `Rows`."""
        return postings_of(self.segment), self.counting

    def passed(self, passing: Passing | None) -> Mask:
        """See `Rows`."""
        if passing is None:
            return self.counting
        return self.counting & passing_rows(self.segment, passing)


@dataclass(frozen=True, slots=True)
class MemoryRows:
    """The rows in memory, each compared with."""

    memory: Memory

    def key(self, row: int) -> str:
        """See `Rows`."""
        return self.memory.ids[row]

    def value(self, row: int, name: str) -> Any:
        """See `Rows`."""
        batch, place = self.memory.refs[row]
        return self.memory.batches[batch].column(name)[place].as_py()

    def nearest(self, queries: Vectors, limit: int, passing: Passing | None) -> Nearest:
        """See `Rows`."""
        rows = np.flatnonzero(self.passed(passing))
        distances = 1 - (queries @ self.memory.vectors.T)[:, self.memory.places[rows]]
        best = np.argsort(distances, axis=1)[:, :limit]
        return rows[best], np.take_along_axis(distances, best, axis=1)

    def words(self) -> tuple[Postings, Mask]:
        """See `Rows`."""
        return self.memory.postings, np.ones(len(self.memory.ids), dtype=np.bool_)

    def passed(self, passing: Passing | None) -> Mask:
        """See `Rows`."""
        if passing is None:
            return np.ones(len(self.memory.ids), dtype=np.bool_)
        passed: Mask = np.asarray(evaluate_mask(passing.compiled, self.memory.table()), dtype=np.bool_)
        return passed


def rows_of(view: View, vector_field: str, params: Mapping[str, Any]) -> list[Rows]:
    """All that can be seen, by where it lies; vectors are searched with `params`."""
    found: list[Rows] = [
        SegmentRows(one, counting, vector_field, params)
        for one, counting in zip(view.settled, view.counting, strict=True)
    ]
    return [*found, MemoryRows(view.memory)] if view.memory.ids else found


def _faiss_nearest(index: Any, queries: Vectors, limit: int, mask: Mask, params: Mapping[str, Any]) -> Nearest:
    """Parameters go with the call: what is set on the index is set for everybody who searches just now."""
    bits = np.packbits(mask, bitorder="little")
    chosen = {} if mask.all() else {"sel": faiss.IDSelectorBitmap(bits)}
    if isinstance(index, faiss.IndexIVF):
        asked = faiss.SearchParametersIVF(nprobe=int(params.get("nprobe", 10)), **chosen)
    else:
        asked = faiss.SearchParametersHNSW(efSearch=int(params.get("ef", 64)), **chosen)
    cosines, rows = index.search(np.ascontiguousarray(queries, dtype=np.float32), limit, params=asked)
    return rows, np.where(rows < 0, np.inf, 1 - cosines)


def _nothing(count: int, limit: int) -> Nearest:
    return np.full((count, limit), -1), np.full((count, limit), np.inf, dtype=np.float32)
