"""Which rows of milvus-lite's segments count, as segments come and go."""

import random
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from milvus_lite.storage.segment import Segment

from app.adapters.milvus.lite_settled import Settled


def segment(numbers: Mapping[str, int]) -> Segment:
    """A segment with a row of each key, which has that sequence number."""
    seqs = np.array([*numbers.values()], dtype=np.uint64)
    vectors = np.zeros((len(numbers), 2), dtype=np.float32)
    return Segment("", "_default", "id", "vector", [*numbers], seqs, vectors, pa.table({}))


def counted(settled: Settled) -> list[set[str]]:
    """The keys that count, by segment."""
    return [
        {key for key, counts in zip(one.pks, mask, strict=True) if counts}
        for one, mask in zip(settled, settled.counting, strict=True)
    ]


def test_of_two_rows_of_one_key_the_newer_counts_until_it_is_deleted() -> None:
    old, new = segment({"a": 1, "b": 2, "c": 3}), segment({"b": 5, "d": 6})
    settled = Settled().followed_by([old, new], {"c": 4})
    assert counted(settled) == [{"a"}, {"b", "d"}]
    settled = settled.followed_by([old, new], {"c": 4, "b": 7, "d": 1})
    assert counted(settled) == [{"a"}, {"d"}]


def test_nothing_is_worked_out_again_where_nothing_changed() -> None:
    segments = [segment({"a": 1}), segment({"a": 2})]
    settled = Settled().followed_by(segments, {"b": 3})
    assert settled.followed_by(list(segments), {"b": 3}) is settled


def test_of_two_that_are_the_same_row_one_counts_whichever_is_merged() -> None:
    one, again, other = segment({"a": 1}), segment({"a": 1}), segment({"b": 2})
    settled = Settled().followed_by([one, again, other], {})
    assert counted(settled) == [{"a"}, set(), {"b"}]
    merged = segment({"a": 1, "b": 2})
    assert counted(settled.followed_by([again, merged], {})) == [set(), {"a", "b"}]
    assert counted(settled.followed_by([one, merged], {})) == [{"a"}, {"b"}]


def test_each_state_that_follows_is_what_it_would_be_from_the_beginning() -> None:
    chosen, settled, number, deleted = random.Random(0), Settled(), 0, {}
    segments: list[Segment] = []
    hidden = 0
    for _ in range(120):
        keys = chosen.sample("abcdefghijklmnop", 4)
        what = chosen.choice(("flush", "flush", "delete", "merge"))
        if what == "flush":
            segments = [*segments, segment({key: (number := number + 1) for key in keys})]
        elif what == "delete":
            number += 1
            deleted = {**deleted, **dict.fromkeys(keys, number)}
        elif len(segments) > 2:
            merging = chosen.sample(segments, 2)
            newest: dict[str, int] = {}
            for one in merging:
                for key, mine in zip(one.pks, one.seqs.tolist(), strict=True):
                    newest[key] = max(mine, newest.get(key, 0))
            left = {key: mine for key, mine in newest.items() if deleted.get(key, 0) <= mine}
            segments = [one for one in segments if one not in merging] + [segment(left)]
        settled = settled.followed_by(segments, deleted)
        assert counted(settled) == counted(Settled().followed_by(segments, deleted))
        hidden += sum(one.num_rows for one in segments) - sum(map(len, counted(settled)))
    assert hidden > 1_000
