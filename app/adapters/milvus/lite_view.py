"""What can be seen of a milvus-lite collection: of the rows of one key the newest, and none that was deleted since.

Its own search works that out anew for every query, row by row in Python. Here it is kept until something is written:
segments never change, and what is in memory is known by how much was written to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it publishes no types
from milvus_lite.storage.memtable import MemTable
from numpy.typing import NDArray

from app.adapters.milvus.lite_settled import Mask, Settled, hide
from app.adapters.milvus.lite_words import Postings, inverted
from app.adapters.milvus.words import WORDS
from app.domain.embeddings import Vectors, unit_rows


@dataclass(frozen=True)
class Memory:
    """The rows in memory that count: row i is the vector `vectors[places[i]]`, and row `refs[i][1]` of its batch.

    Batches are without their vectors and their words: most of what a filter would have to copy.
    """

    batches: Sequence[pa.RecordBatch] = ()
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    ids: Sequence[str] = ()
    refs: Sequence[tuple[int, int]] = ()
    places: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    words: Sequence[pa.Array] = ()

    def table(self) -> pa.Table:
        """These rows as a filter reads them."""
        return pa.Table.from_batches(self.batches).take(pa.array(self.places))

    @cached_property
    def postings(self) -> Postings:
        """The terms of these rows, of a collection with words."""
        return inverted(pa.chunked_array(self.words, pa.string()).take(pa.array(self.places)))


@dataclass(frozen=True, slots=True)
class View:
    """What is settled of the segments, the mask of their rows that count now, and the rows in memory."""

    settled: Settled
    counting: Sequence[Mask]
    memory: Memory


@dataclass(slots=True)
class _Kept:
    """A view and what it was made of; it goes with the memory table, which every flush replaces."""

    blocks: list[Vectors] = field(default_factory=list)  # one for each batch in memory
    batches: list[pa.RecordBatch] = field(default_factory=list)
    words: list[pa.Array] = field(default_factory=list)  # none where the collection has none
    written: tuple[int, int] = (-1, -1)
    view: View | None = None


_kept: WeakKeyDictionary[MemTable, _Kept] = WeakKeyDictionary()


def view_of(settled: Settled, memory: MemTable, vector_field: str) -> View:
    """What is to be seen now."""
    with memory._lock:
        kept = _kept.setdefault(memory, _Kept())
        written = len(memory._insert_batches), len(memory._delete_index)  # between two inserts deletions only grow
        if kept.view is not None and kept.view.settled is settled and kept.written == written:
            return kept.view
        for batch in memory._insert_batches[len(kept.blocks) :]:
            column = batch.column(vector_field)
            kept.blocks.append(unit_rows(column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)))
            beside = batch.drop_columns(["_partition", vector_field])
            if WORDS in beside.schema.names:
                kept.words.append(beside.column(WORDS))
                beside = beside.drop_columns([WORDS])
            kept.batches.append(beside)
        kept.view = _view(settled, kept, memory)
        kept.written = written
        return kept.view


def _view(settled: Settled, kept: _Kept, memory: MemTable) -> View:
    rows = {
        key: (batch, row, number)
        for key, (batch, row, number) in memory._pk_index.items()
        if settled.deleted.get(key, -1) <= number
    }
    gone = {key: number for key, (number, _) in memory._delete_index.items()}
    newer = {key: number for key, (_, _, number) in rows.items()}
    counting = [mask.copy() for mask in settled.counting]
    for segment, mask in zip(settled, counting, strict=True):
        hide(segment, mask, gone, np.less)
        hide(segment, mask, newer, np.less_equal)
    if not rows:
        return View(settled, counting, Memory())
    first = np.cumsum([0, *map(len, kept.blocks)])
    refs = [(batch, row) for batch, row, _ in rows.values()]
    places = np.asarray([first[batch] + row for batch, row in refs], dtype=np.intp)
    vectors = np.concatenate(kept.blocks)
    memory_rows = Memory(tuple(kept.batches), vectors, list(rows), refs, places, tuple(kept.words))
    return View(settled, counting, memory_rows)
