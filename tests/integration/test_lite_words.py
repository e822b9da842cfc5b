"""Ranking by words inside of milvus-lite, beside BM25 by the book: on what any order of writes and flushes leaves."""

import random
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it publishes no types
import pytest
from milvus_lite import db
from milvus_lite.schema.types import DataType, FieldSchema

from app.adapters.milvus import lite_sources, lite_words
from app.adapters.milvus.lite_collection import LiteCollection
from app.adapters.milvus.lite_words import Postings, inverted, postings_of
from tests.fakes.vectors import bm25
from tests.integration.lite import AT_LAST_S, FIELDS, FLAT, Lite

KEYS = [f"p{n}" for n in range(60)]
VOCABULARY = ["red", "blue", "boot", "sneaker", "茶", "wh1000xm4", "a", "b", "c"]
CHANGES = 250
ROW = [1.0] + [0.0] * 7


class Slow:
    """`inverted`, which does not end until it is told to, and has `looked` through so many rows each time."""

    def __init__(self) -> None:
        self.looking, self.enough, self.looked = threading.Event(), threading.Event(), list[int]()

    def __call__(self, words: Any) -> Postings:
        self.looked.append(len(words))
        self.looking.set()
        self.enough.wait()
        return inverted(words)

    @contextmanager
    def until_left(self) -> Iterator[None]:
        """Whatever happens inside, it ends then."""
        try:
            yield
        finally:
            self.enough.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slowed = Slow()
    monkeypatch.setattr(lite_words, "inverted", slowed)
    return slowed


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lite]:
    monkeypatch.setattr(db, "Collection", LiteCollection)
    opened = Lite(tmp_path, *FLAT, [*FIELDS, FieldSchema("words", DataType.VARCHAR, max_length=8_192)])
    yield opened
    opened.close()


def written(chosen: random.Random, keys: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": key,
            "product_id": f"of {key}",
            "vector": ROW,
            "price": chosen.randrange(100),
            "words": " ".join(chosen.choices(VOCABULARY, k=chosen.randrange(9))),
        }
        for key in keys
    ]


def change(lite: Lite, rows: dict[str, dict[str, Any]], chosen: random.Random) -> None:
    """Write some, write some again, delete some, flush, or die; `rows` are those that are there then."""
    keys = list(dict.fromkeys(chosen.choices(KEYS, k=chosen.randint(1, 12))))
    what = chosen.choices(("write", "delete", "flush", "die"), (60, 30, 10, 3))[0]
    if what == "die":
        lite.die()
    elif what == "flush":
        lite.collection.flush()
    elif what == "delete":
        lite.collection.delete(keys)
        for key in keys:
            rows.pop(key, None)
    else:
        some = written(chosen, keys)
        lite.collection.insert([dict(one) for one in some])
        rows.update((one["id"], one) for one in some)


def found(lite: Lite, text: str, limit: int, expression: str | None = None) -> list[dict[str, Any]]:
    (hits,) = lite.collection.search(
        [text], limit, anns_field="bm25", metric_type="BM25", expr=expression, output_fields=["product_id"]
    )
    return hits


def test_it_ranks_by_the_words_of_the_rows_that_count(lite: Lite) -> None:
    chosen, rows = random.Random(1), dict[str, dict[str, Any]]()
    hits, flushed, merged = 0, 0, 0
    for _ in range(CHANGES):
        change(lite, rows, chosen)
        terms = chosen.sample([*VOCABULARY, "unheard"], 3)
        least = chosen.choice((None, None, 50))
        limit = chosen.choice((1, 5, 100))
        scores = bm25({key: one["words"].split() for key, one in rows.items()}, terms)
        passing = {key for key, one in rows.items() if least is None or one["price"] >= least}
        expected = sorted((score for key, score in scores.items() if score and key in passing), reverse=True)[:limit]
        answer = found(lite, " ".join(terms), limit, None if least is None else f"price >= {least}")
        assert [hit["distance"] for hit in answer] == pytest.approx(expected, rel=1e-5)
        assert {hit["id"] for hit in answer} <= passing
        assert all(hit["distance"] == pytest.approx(scores[hit["id"]], rel=1e-5) for hit in answer)
        assert all(hit["entity"] == {"product_id": f"of {hit['id']}"} for hit in answer)
        hits += len(answer)
        segments = list(lite.collection._read_snapshot()[0])
        flushed, merged = max(flushed, len(segments)), merged + (0 < len(segments) < flushed)
    assert hits > 1_500
    assert flushed > 2
    assert merged
    assert lite.replayed > 1


def test_of_equal_scores_the_first_row_comes_first_and_no_more_come_than_were_asked_for(lite: Lite) -> None:
    keys = [f"p{n}" for n in range(20)]
    same = [{**one, "words": "red boot"} for one in written(random.Random(2), keys)]
    lite.collection.insert(same[:10])
    lite.collection.flush()
    lite.collection.insert(same[10:])
    assert [hit["id"] for hit in found(lite, "boot", 14)] == keys[:14]


def test_the_terms_of_a_segment_are_looked_through_once(lite: Lite, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(words: Any) -> Postings:
        looked.append(len(words))
        return inverted(words)

    monkeypatch.setattr(lite_words, "inverted", counted)
    for start in (0, 30):
        lite.collection.insert(written(random.Random(3), KEYS[start : start + 30]))
        lite.collection.flush()
        lite.collection._wait_for_bg(AT_LAST_S)
    for _ in range(3):
        found(lite, "boot", 5)
    assert looked == [30, 30]


def test_nobody_but_searches_by_words_waits_while_terms_are_looked_through(
    lite: Lite, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)
    monkeypatch.setattr(lite_sources, "postings_of", lambda one: (asked.release(), postings_of(one))[1])
    first, second = [{**one, "words": "boot"} for one in written(random.Random(4), KEYS[:2])]
    with ThreadPoolExecutor(3) as pool, slow.until_left():
        lite.collection.insert([first])
        pool.submit(lite.collection.flush).result(AT_LAST_S)
        assert slow.looking.wait(AT_LAST_S)
        lite.collection.insert([second])
        pool.submit(lite.collection.flush).result(AT_LAST_S)
        (hits,) = pool.submit(lite.collection.search, [ROW], 5).result(AT_LAST_S)
        assert {hit["id"] for hit in hits} == {"p0", "p1"}
        by_words = [pool.submit(found, lite, "boot", 5) for _ in range(2)]
        assert all(asked.acquire(timeout=AT_LAST_S) for _ in by_words)
    assert [[hit["id"] for hit in one.result()] for one in by_words] == [["p0", "p1"]] * 2
    lite.collection._wait_for_bg(AT_LAST_S)
    assert slow.looked == [1, 1]


def test_opening_a_collection_waits_for_no_terms_to_be_looked_through(lite: Lite, slow: Slow) -> None:
    slow.enough.set()
    lite.collection.insert(written(random.Random(5), KEYS))
    lite.collection.flush()
    lite.collection._wait_for_bg(AT_LAST_S)
    slow.enough.clear()
    with ThreadPoolExecutor(1) as pool, slow.until_left():
        pool.submit(lite.die).result(AT_LAST_S)
        (hits,) = pool.submit(lite.collection.search, [ROW], 5).result(AT_LAST_S)
        assert len(hits) == 5
    assert found(lite, "boot", 5)
    assert slow.looked == [60, 60]


@pytest.mark.parametrize("texts", [[], [""], ["", "a", ""], ["b a b", "", "c a"] * 7])
def test_terms_are_looked_through_in_blocks_of_rows(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite_words, "BLOCK_BYTES", 8)
    counted = [Counter(text.split()) for text in texts]
    postings = inverted(pa.chunked_array([texts[:4], texts[4:]], pa.string()))
    for term in ("a", "b", "c", "unheard"):
        rows, counts = postings.having(term)
        expected = [(row, one[term]) for row, one in enumerate(counted) if one[term]]
        assert list(zip(rows.tolist(), counts.tolist(), strict=True)) == expected
    assert postings.lengths.tolist() == [one.total() for one in counted]


def test_to_look_through_terms_takes_little_more_memory_than_what_is_kept() -> None:
    chosen, vocabulary = random.Random(6), [f"term{n}" for n in range(2_000)]
    texts = pa.chunked_array([[" ".join(chosen.choices(vocabulary, k=200)) for _ in range(10_000)]])
    tracemalloc.start()
    try:
        postings = inverted(texts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * (postings.rows.nbytes + postings.counts.nbytes)
