"""Which rows of milvus-lite's segments count: of the rows of one key the newest, and none that was deleted since."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from milvus_lite.storage.segment import Segment
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settled:
    """Segments with the mask of their rows that count, by the segments and what was deleted from them alone.

    A row that does not count never counts again, for what hides it stays as long as it does. So each state follows
    from the one before, and only what is new is looked at: of 200,000 rows that is a thousand at a flush.
    """

    segments: Sequence[Segment] = ()
    counting: Sequence[Mask] = ()
    deleted: Mapping[str, int] = field(default_factory=dict)
    """The sequence number of each deletion, by key."""

    def __iter__(self) -> Iterator[Segment]:
        """The segments, which is all that milvus-lite itself wants of it."""
        return iter(self.segments)

    def followed_by(self, segments: Sequence[Segment], deleted: Mapping[str, int]) -> "Settled":
        """What is settled once these are the segments and the deletions; the same where they are already."""
        if list(map(id, segments)) == list(map(id, self.segments)) and deleted == self.deleted:
            return self
        known = {id(one): mask for one, mask in zip(self.segments, self.counting, strict=True)}
        since = dict(deleted.items() - self.deleted.items())
        counting = []
        for one in segments:
            old = known.get(id(one))
            mask = np.ones(one.num_rows, dtype=np.bool_) if old is None else old.copy()
            hide(one, mask, deleted if old is None else since, np.less)
            counting.append(mask)
        for (one, mask), (other, other_mask) in combinations(zip(segments, counting, strict=True), 2):
            if id(one) not in known or id(other) not in known:  # else they were compared before
                _hide_older(one, mask, other, other_mask)
        return Settled(segments, counting, deleted)


def hide(segment: Segment, mask: Mask, newer: Mapping[str, int], older: Callable[..., Any]) -> None:
    """Take out of the mask the rows of a segment that are `older` than what has their key in `newer`."""
    rows = [(row, number) for key, number in newer.items() if (row := segment.pk_to_row.get(key)) is not None]
    if rows:
        places, numbers = np.asarray(rows, dtype=np.uint64).T
        places = places.astype(np.intp)
        mask[places[older(segment.seqs[places], numbers)]] = False


def _hide_older(one: Segment, mask: Mask, other: Segment, other_mask: Mask) -> None:
    """Of the rows of two segments that have one key, take the older out of its mask, where both still count.

    Two with the same number are the same row: where the process dies after a flush and before its log is deleted, the
    log is read once more. The first segment keeps it.
    """
    keys = list(one.pk_to_row.keys() & other.pk_to_row.keys())
    rows = np.fromiter(map(one.pk_to_row.__getitem__, keys), np.intp, len(keys))
    other_rows = np.fromiter(map(other.pk_to_row.__getitem__, keys), np.intp, len(keys))
    both = mask[rows] & other_mask[other_rows]
    kept = one.seqs[rows] >= other.seqs[other_rows]
    mask[rows[both & ~kept]] = False
    other_mask[other_rows[both & kept]] = False
