"""What can be seen of a milvus-lite collection: of the rows of one key the newest, and none that was deleted since.

Its own search works that out anew for every query, row by row in Python. Here it is kept until something is written:
segments never change, and what is in memory is known by how much was written to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it publishes no types
from milvus_lite.storage.memtable import MemTable
from milvus_lite.storage.segment import Segment
from numpy.typing import NDArray

from app.domain.embeddings import Vectors, unit_rows

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Memory:
    """The rows in memory that count: row i is the vector `vectors[places[i]]`, and row `refs[i][1]` of its batch."""

    batches: Sequence[pa.RecordBatch] = ()
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    ids: Sequence[str] = ()
    refs: Sequence[tuple[int, int]] = ()
    places: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def table(self) -> pa.Table:
        """These rows as a filter reads them."""
        return pa.Table.from_batches(self.batches).take(pa.array(self.places)).drop(["_partition"])


@dataclass(frozen=True, slots=True)
class View:
    """Segments with the mask of their rows that count, and the rows in memory."""

    segments: Sequence[Segment]
    counting: Sequence[Mask]
    memory: Memory


@dataclass(slots=True)
class _Kept:
    """A view and what it was made of; it goes with the memory table, which every flush replaces."""

    segments: list[Segment] = field(default_factory=list)
    deleted: Mapping[str, int] = field(default_factory=dict)
    settled: list[Mask] = field(default_factory=list)  # by the segments and what was deleted from them alone
    blocks: list[Vectors] = field(default_factory=list)  # one for each batch in memory
    written: tuple[int, int] = (-1, -1)
    view: View | None = None


_kept: WeakKeyDictionary[MemTable, _Kept] = WeakKeyDictionary()


def view_of(segments: Sequence[Segment], memory: MemTable, deleted: Mapping[str, int], vector_field: str) -> View:
    """What is to be seen now. `deleted` has the sequence number of each deletion, by key."""
    with memory._lock:
        kept = _kept.setdefault(memory, _Kept())
        same = list(map(id, kept.segments)) == list(map(id, segments)) and kept.deleted == deleted
        written = len(memory._insert_batches), len(memory._delete_index)  # between two inserts deletions only grow
        if kept.view is not None and same and kept.written == written:
            return kept.view
        if not same:
            kept.segments, kept.deleted = list(segments), deleted
            kept.settled = _settled(segments, deleted)
        for batch in memory._insert_batches[len(kept.blocks) :]:
            column = batch.column(vector_field)
            kept.blocks.append(unit_rows(column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)))
        kept.view = _view(kept, memory)
        kept.written = written
        return kept.view


def _settled(segments: Sequence[Segment], deleted: Mapping[str, int]) -> list[Mask]:
    newest: dict[str, int] = {}
    for segment in segments if len(segments) > 1 else ():
        for key, number in zip(segment.pks, segment.seqs.tolist(), strict=True):
            if number > newest.get(key, -1):
                newest[key] = number
    masks = []
    for segment in segments:
        mask = np.ones(segment.num_rows, dtype=np.bool_)
        if newest:
            mask = np.fromiter(map(newest.__getitem__, segment.pks), np.uint64, segment.num_rows) == segment.seqs
        _hide(segment, mask, deleted, np.less)
        masks.append(mask)
    return masks


def _hide(segment: Segment, mask: Mask, newer: Mapping[str, int], older: Callable[..., Any]) -> None:
    """Take out of the mask the rows of a segment that are `older` than what has their key in `newer`."""
    rows = [(row, number) for key, number in newer.items() if (row := segment.pk_to_row.get(key)) is not None]
    if rows:
        places, numbers = np.asarray(rows, dtype=np.uint64).T
        places = places.astype(np.intp)
        mask[places[older(segment.seqs[places], numbers)]] = False


def _view(kept: _Kept, memory: MemTable) -> View:
    rows = {
        key: (batch, row, number)
        for key, (batch, row, number) in memory._pk_index.items()
        if kept.deleted.get(key, -1) <= number
    }
    gone = {key: number for key, (number, _) in memory._delete_index.items()}
    newer = {key: number for key, (_, _, number) in rows.items()}
    counting = []
    for segment, settled in zip(kept.segments, kept.settled, strict=True):
        mask = settled.copy()
        _hide(segment, mask, gone, np.less)
        _hide(segment, mask, newer, np.less_equal)
        counting.append(mask)
    if not rows:
        return View(kept.segments, counting, Memory())
    first = np.cumsum([0, *map(len, kept.blocks)])
    refs = [(batch, row) for batch, row, _ in rows.values()]
    places = np.asarray([first[batch] + row for batch, row in refs], dtype=np.intp)
    batches = list(memory._insert_batches)
    return View(kept.segments, counting, Memory(batches, np.concatenate(kept.blocks), list(rows), refs, places))
