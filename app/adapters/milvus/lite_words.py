"""Ranking by words in milvus-lite: BM25 over inverted indexes of its segments, and of what is in memory.

Its own takes 250 ms of 7,600 titles: it makes a sparse vector of every row again for every query. A segment never
changes, so its terms are looked through once, and under no lock that other searches wait for; how many rows have a
term is counted among those that count now.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it publishes no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
from milvus_lite.storage.segment import Segment
from numpy.typing import NDArray

from app.adapters.milvus.lite_settled import Mask
from app.adapters.milvus.words import K1, WORDS, B

Having = tuple[NDArray[np.int32], NDArray[np.int32]]
"""The rows that have a term, and how often each has it."""

BLOCK_BYTES = 2**22  # of text looked through at a time, which takes some twenty times as much memory meanwhile

_NONE: Having = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Postings:
    """Which rows have which terms: those of term n are `rows[starts[n] : starts[n + 1]]`, each `counts` times.

    `lengths` says how many terms each row has.
    """

    numbers: Mapping[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]

    def having(self, term: str) -> Having:
        """The rows that have a term."""
        number = self.numbers.get(term)
        if number is None:
            return _NONE
        these = slice(self.starts[number], self.starts[number + 1])
        return self.rows[these], self.counts[these]


@dataclass(frozen=True, slots=True)
class _Block:
    """The postings of neighbouring rows: those of `terms[i]`, ascending, are the next `holding[i]` of them."""

    terms: NDArray[np.int32]
    holding: NDArray[np.int32]
    rows: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]


def inverted(words: pa.ChunkedArray) -> Postings:
    """The postings of rows whose terms are joined by single spaces.

    A block of rows is looked through at a time: at once, it would take ten times the memory of what is kept.
    """
    numbers: dict[str, int] = {}
    blocks = [_block(words.slice(first, end - first), first, numbers) for first, end in _blocks(words)]
    starts = np.zeros(len(numbers) + 1, dtype=np.int64)
    for one in blocks:
        starts[one.terms + 1] += one.holding
    np.cumsum(starts, out=starts)
    rows, counts = (np.empty(starts[-1], dtype=np.int32) for _ in range(2))
    free = starts[:-1].copy()
    for one in blocks:
        firsts = np.cumsum(one.holding) - one.holding
        places = np.repeat(free[one.terms] - firsts, one.holding) + np.arange(len(one.rows))
        rows[places], counts[places] = one.rows, one.counts
        free[one.terms] += one.holding
    lengths = np.concatenate([np.empty(0, dtype=np.int32), *(one.lengths for one in blocks)])
    return Postings(numbers, starts, rows, counts, lengths)


def _blocks(words: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """The first row of each block, and the first that is not in it any more."""
    numbers = np.cumsum(pc.binary_length(words).to_numpy(), dtype=np.int64) // BLOCK_BYTES
    edges = np.flatnonzero(np.diff(numbers)) + 1
    return pairwise([0, *edges.tolist(), len(words)])


def _block(words: pa.ChunkedArray, first: int, numbers: dict[str, int]) -> _Block:
    """The postings of some rows, the first of which has this number; terms without a number are given one."""
    lists = pc.split_pattern(words, " ")
    terms = pc.list_flatten(lists).combine_chunks()
    said = pc.not_equal(terms, "")  # an empty text has one of these
    encoded = terms.filter(said).dictionary_encode()
    sizes = pc.list_value_length(lists).to_numpy()
    rows = np.repeat(np.arange(len(words)), sizes)[said.to_numpy(zero_copy_only=False)]
    known = [numbers.setdefault(term, len(numbers)) for term in encoded.dictionary.to_pylist()]
    codes = np.asarray(known, dtype=np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]
    each, counts = np.unique(codes * len(words) + rows, return_counts=True)
    places, holders = np.divmod(each, max(1, len(words)))
    distinct, holding = np.unique(places, return_counts=True)
    lengths = np.bincount(rows, minlength=len(words))
    return _Block(*(one.astype(np.int32) for one in (distinct, holding, holders + first, counts, lengths)))


class _Once:
    """The postings of a segment, made by the first who needs them; who needs them meanwhile waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Postings | None = None

    def of(self, segment: Segment) -> Postings:
        """Make them, or give what was made."""
        with self._lock:
            if self._made is None:
                self._made = inverted(segment.table.column(WORDS))
            return self._made


def postings_of(segment: Segment) -> Postings:
    """The postings of a segment, made once; they go with it."""
    once: _Once = segment.sparse_indexes.setdefault(WORDS, _Once())
    return once.of(segment)


def bm25(sources: Sequence[tuple[Postings, Mask]], terms: Sequence[str]) -> list[NDArray[np.float64]]:
    """The score of every row of each source, 0 where it has none of the terms.

    A source is postings and which of its rows count: how rare a term is and how long a row is on average is told
    among those, whatever a filter leaves of them. The weight of a rare term is Lucene's, which is never below 0.
    """
    count = sum(int(counting.sum()) for _, counting in sources)
    average = sum(int(one.lengths[counting].sum()) for one, counting in sources) / max(1, count) or 1.0
    scores = [np.zeros(len(counting)) for _, counting in sources]
    for term in terms:
        found = [one.having(term) for one, _ in sources]
        holding = sum(int(mask[rows].sum()) for (rows, _), (_, mask) in zip(found, sources, strict=True))
        weight = np.log1p((count - holding + 0.5) / (holding + 0.5))
        for (rows, often), (one, _), into in zip(found, sources, scores, strict=True):
            if len(rows):
                long = K1 * (1 - B + B * one.lengths[rows] / average)
                into[rows] += weight * often * (K1 + 1) / (often + long)
    return scores
