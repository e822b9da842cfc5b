"""Which rows of a segment pass a filter, worked out once: a segment never changes.

milvus-lite reads the JSON of each row anew for every search, some 7 µs; and shoppers ask with the same filters again
and again, each time in three legs.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from milvus_lite.search.indexed_filter import evaluate_segment_filter
from milvus_lite.storage.segment import Segment

from app.adapters.milvus.lite_settled import Mask

KEPT = 64
"""Filters of a segment, the latest: a bit for each of its rows, and the filter's own text."""

_KEY = "#filters"  # of no field


@dataclass(frozen=True, slots=True)
class Passing:
    """A filter as milvus-lite compiled it, and its plan where scalar indexes help."""

    compiled: Any
    plan: Any


@dataclass(slots=True)
class _Passed:
    """The rows that passed, as bits, by the filter's text. One is worked out at a time: legs ask for the same."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    bits: OrderedDict[str, Any] = field(default_factory=OrderedDict)


def passing_rows(segment: Segment, passing: Passing) -> Mask:
    """The mask of all rows of a segment that pass, whether they count or not."""
    kept: _Passed = segment.sparse_indexes.setdefault(_KEY, _Passed())  # beside what `lite_words` keeps of it
    asked = passing.compiled.source
    with kept.lock:
        bits = kept.bits.pop(asked, None)
        if bits is None:
            bits = np.packbits(evaluate_segment_filter(segment, passing.compiled, passing.plan))
        kept.bits[asked] = bits
        if len(kept.bits) > KEPT:
            kept.bits.popitem(last=False)
    return np.unpackbits(bits, count=segment.num_rows).astype(np.bool_)
