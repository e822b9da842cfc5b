"""Ranking by words inside of milvus-lite, beside BM25 by the book: on what any order of writes and flushes leaves."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from milvus_lite import db
from milvus_lite.schema.types import DataType, FieldSchema

from app.adapters.milvus import lite_words
from app.adapters.milvus.lite_collection import LiteCollection
from app.adapters.milvus.lite_words import inverted
from tests.fakes.vectors import bm25
from tests.integration.lite import AT_LAST_S, FIELDS, FLAT, Lite

KEYS = [f"p{n}" for n in range(60)]
VOCABULARY = ["red", "blue", "boot", "sneaker", "茶", "wh1000xm4", "a", "b", "c"]
CHANGES = 250


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
            "vector": [1.0] + [0.0] * 7,
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

    def counted(words: Any) -> lite_words.Postings:
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
