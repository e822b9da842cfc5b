"""Our search inside of milvus-lite, beside its own: on what any order of writes, deletions and flushes leaves."""

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_lite import db
from milvus_lite.engine import collection as engine

from app.adapters.milvus import lite_filters, lite_search
from app.adapters.milvus.lite_collection import LiteCollection
from app.adapters.milvus.lite_view import view_of
from tests.integration.lite import AT_LAST_S, DIMENSION, FLAT, Lite

KEYS = 60
ITS_OWN = engine.execute_search_with_index
INDEXES = [
    FLAT,
    ("IVF_FLAT", {"nlist": 1}, {"nprobe": 1}),
    ("IVF_FLAT", {"nlist": 4}, {"nprobe": 2}),
    ("IVF_SQ8", {"nlist": 2}, {"nprobe": 2}),
    ("HNSW", {"M": 8, "efConstruction": 80}, {"ef": 100}),
    ("HNSW_SQ", {"M": 8, "efConstruction": 80}, {"ef": 100}),
]


@pytest.fixture(params=INDEXES, ids=lambda one: f"{one[0]}-{one[2]}")
def lite(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lite]:
    monkeypatch.setattr(db, "Collection", LiteCollection)
    opened = Lite(tmp_path, *request.param)
    yield opened
    opened.close()


def records(keys: list[str], vectors: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    return [
        {"id": key, "product_id": f"of {key}", "vector": vector.tolist(), "price": number}
        for number, (key, vector) in enumerate(zip(keys, vectors, strict=True))
    ]


def wait_until(there: Callable[[], object]) -> None:
    until = time.monotonic() + AT_LAST_S
    while not there():
        assert time.monotonic() < until
        time.sleep(0.01)


def unit(drawn: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    vectors = drawn.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def change(lite: Lite, chosen: random.Random, drawn: np.random.Generator) -> None:
    """Write some, write some again, delete some, flush, or die."""
    keys = list(dict.fromkeys(f"p{chosen.randrange(KEYS)}" for _ in range(chosen.randint(1, 12))))
    what = chosen.choices(("write", "delete", "flush", "die"), (60, 30, 10, 3))[0]
    if what == "die":
        lite.die()
    elif what == "flush":
        lite.collection.flush()
    elif what == "delete":
        lite.collection.delete(keys)
    else:
        written = [{**one, "price": chosen.randrange(100)} for one in records(keys, unit(drawn, len(keys)))]
        lite.collection.insert(written)


def same(found: list[list[dict[str, Any]]], expected: list[list[dict[str, Any]]]) -> bool:
    """Whether two answers have the same rows in the same order, at the same distance."""
    return [[(hit["id"], hit["entity"]) for hit in hits] for hits in found] == [
        [(hit["id"], hit["entity"]) for hit in hits] for hits in expected
    ] and all(
        hit["distance"] == pytest.approx(other["distance"], abs=1e-5)
        for hits, others in zip(found, expected, strict=True)
        for hit, other in zip(hits, others, strict=True)
    )


def indexes_of(given: dict[str, Any]) -> list[Any]:
    """The index of each segment that is searched, or None."""
    return [one.indexes.get("vector") for one in given["segments"]]


def test_it_finds_what_its_own_finds(lite: Lite, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, drawn = random.Random(1), np.random.default_rng(1)
    hits = 0

    def both(**given: Any) -> list[list[dict[str, Any]]]:
        nonlocal hits
        while True:
            before = indexes_of(given)
            expected = ITS_OWN(**given)
            found = [lite_search.search(**given) for _ in range(2)]  # the second time from what was kept
            if indexes_of(given) == before:  # what was merged in the background gets its index a little later
                break
        assert all(same(one, expected) for one in found)
        hits += sum(map(len, expected))
        return []

    monkeypatch.setattr(engine, "execute_search_with_index", both)
    for _ in range(250):
        change(lite, chosen, drawn)
        expression = chosen.choice((None, None, "price < 50", 'id in ["p1", "p2", "p3"]'))
        top_k = chosen.choice((1, 5, 100))
        asked = {"expr": expression, "output_fields": ["product_id"], "search_params": lite.params}
        lite.collection.search(unit(drawn, 3).tolist(), top_k, **asked)
    assert hits > 2_000
    assert lite.replayed > 1


@pytest.mark.parametrize("lite", INDEXES[1:], indirect=True, ids=str)
def test_a_query_leaves_the_parameters_of_others_alone(lite: Lite) -> None:
    vectors = unit(np.random.default_rng(2), 50)
    lite.collection.insert(records([f"p{n}" for n in range(50)], vectors))
    lite.collection.flush()
    lite.collection._wait_for_bg(AT_LAST_S)  # it is indexed in the background
    segments, deleted = lite.collection._read_snapshot()
    indexes = [one.indexes["vector"] for one in segments]

    def search(value: int, executor: Callable[..., object]) -> list[int]:
        given = {"pk_field": "id", "vector_field": "vector", "output_fields": ["product_id"], "metric_type": "COSINE"}
        wanted = dict.fromkeys(lite.params, value)
        executor(vectors, segments, lite.collection._memtable, deleted, 5, **given, search_params=wanted)
        return [getattr(one._index, "nprobe", None) or one._index.hnsw.efSearch for one in indexes]

    assert search(99, ITS_OWN) == [99]
    assert search(98, lite_search.search) == [99]


def found_in(lite: Lite, queries: np.ndarray[Any, Any]) -> list[list[str]]:
    answers = lite.collection.search(queries.tolist(), 100, output_fields=["product_id"], search_params=lite.params)
    return [[hit["id"] for hit in hits] for hits in answers]


@pytest.mark.parametrize("lite", [FLAT], indirect=True, ids=str)
def test_a_log_that_outlives_its_flush_brings_no_row_twice(
    lite: Lite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies once the flush is written down, and before the log that it makes needless is deleted."""
    monkeypatch.setattr(engine, "execute_search_with_index", lite_search.search)
    drawn = np.random.default_rng(3)
    keys, vectors, queries = [f"p{n}" for n in range(23)], unit(drawn, 23), unit(drawn, 3)
    written = records(keys, vectors)

    def check(rows: int, segments: int) -> None:
        expected = [[keys[row] for row in np.argsort(-(vectors[:rows] @ query))] for query in queries]
        assert found_in(lite, queries) == expected
        assert lite.collection.num_entities == rows
        assert len(lite.collection._segment_cache) == segments

    lite.collection.insert(written[:20])
    (log,) = tmp_path.rglob("wal")
    shutil.copytree(log, tmp_path / "log")
    lite.collection.flush()
    shutil.copytree(tmp_path / "log", log, dirs_exist_ok=True)
    lite.die()
    assert lite.replayed == 1
    check(20, segments=1)  # and the same rows in memory
    for rows, segments in ((21, 2), (22, 3), (23, 4)):
        lite.collection.insert(written[rows - 1 : rows])
        lite.collection.flush()
        check(rows, segments)
        lite.collection._wait_for_bg(AT_LAST_S)
    check(23, segments=1)  # merged, by the fourth


@pytest.mark.parametrize("lite", [FLAT], indirect=True, ids=str)
def test_a_search_does_not_wait_for_a_merge(lite: Lite) -> None:
    vectors = unit(np.random.default_rng(4), 10)
    lite.collection.insert(records([f"p{n}" for n in range(10)], vectors))
    lite.collection.flush()
    with ThreadPoolExecutor(1) as pool, lite.collection._maintenance_lock:  # which a merge holds
        (hits,) = pool.submit(found_in, lite, vectors[:1]).result(AT_LAST_S)
    assert len(hits) == 10


@pytest.mark.parametrize("lite", [FLAT], indirect=True, ids=str)
def test_a_filter_is_worked_out_once_for_a_segment_and_sees_what_is_deleted_and_written(
    lite: Lite, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[str] = []
    evaluate = lite_filters.evaluate_segment_filter

    def counted(segment: Any, compiled: Any, plan: Any) -> Any:
        worked_out.append(compiled.source)
        return evaluate(segment, compiled, plan)

    monkeypatch.setattr(lite_filters, "evaluate_segment_filter", counted)
    monkeypatch.setattr(lite_filters, "KEPT", 2)
    monkeypatch.setattr(engine, "execute_search_with_index", lite_search.search)
    vectors = unit(np.random.default_rng(8), 20)
    lite.collection.insert(records([f"p{number}" for number in range(20)], vectors))
    lite.collection.flush()

    def passing(below: int) -> set[str]:
        (hits,) = lite.collection.search(
            [vectors[0].tolist()], top_k=20, expr=f"price < {below}", output_fields=["product_id"]
        )
        return {hit["id"] for hit in hits}

    for _ in range(3):
        assert passing(5) == {f"p{number}" for number in range(5)}
        assert passing(3) == {"p0", "p1", "p2"}
    assert worked_out == ["price < 5", "price < 3"]
    lite.collection.delete(["p1"])
    lite.collection.insert(records(["p7"], vectors[7:8]))  # of price 0 now
    assert passing(3) == {"p0", "p2", "p7"}
    assert passing(5) == {"p0", "p2", "p3", "p4", "p7"}
    assert len(worked_out) == 2
    passing(9)
    passing(5)
    passing(3)
    assert worked_out[2:] == ["price < 9", "price < 3"]


@pytest.mark.parametrize("lite", [FLAT], indirect=True, ids=str)
def test_a_filter_copies_no_vectors_of_what_is_in_memory(lite: Lite) -> None:
    lite.collection.insert(records(["p0", "p1"], unit(np.random.default_rng(5), 2)))
    view = view_of(lite.collection._read_snapshot()[0], lite.collection._memtable, "vector")
    read = view.memory.table()
    assert read.column("id").to_pylist() == ["p0", "p1"]
    assert "vector" not in read.column_names


@pytest.mark.parametrize("lite", [FLAT], indirect=True, ids=str)
@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"metric_type": "L2"}, NotImplementedError),
        ({"partition_names": ["some"]}, NotImplementedError),
        ({"group_by": "id"}, TypeError),
    ],
    ids=str,
)
def test_what_it_does_not_do_is_not_passed_over(lite: Lite, asked: dict[str, Any], refused: type[Exception]) -> None:
    segments, deleted = lite.collection._read_snapshot()
    given = {"pk_field": "id", "vector_field": "vector", "output_fields": ["product_id"], "metric_type": "COSINE"}
    queries = unit(np.random.default_rng(6), 1)
    with pytest.raises(refused):
        lite_search.search(queries, segments, lite.collection._memtable, deleted, 5, **{**given, **asked})


def in_the_way(lite: Lite) -> Callable[[], None]:
    """Keep the background from doing anything until what is returned is called."""
    on = threading.Event()
    lite.collection._bg_executor.submit(on.wait, AT_LAST_S)
    return on.set


@pytest.mark.parametrize("lite", [INDEXES[4]], indirect=True, ids=str)
def test_what_is_to_be_indexed_or_merged_is_pending(lite: Lite) -> None:
    collection, drawn = lite.collection, np.random.default_rng(7)
    assert collection.pending_rows() == 0
    for part in range(4):
        if part == 3:
            collection._wait_for_bg(AT_LAST_S)
            assert collection.pending_rows() == 0
            go_on = in_the_way(lite)
        collection.insert(records([f"p{part}-{n}" for n in range(10)], unit(drawn, 10)))
        collection.flush()
    assert collection.pending_rows() == 10
    collection._ensure_loaded_segments_indexed()  # by whatever came before: the four are about to be merged
    assert collection.pending_rows() == collection.num_entities == 40
    go_on()
    wait_until(lambda: collection.pending_rows() == 0)
    (merged,) = collection._read_snapshot()[0]
    assert "vector" in merged.indexes


@pytest.mark.parametrize("lite", [INDEXES[4]], indirect=True, ids=str)
def test_nobody_waits_for_an_index_that_cannot_be_built(lite: Lite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite.collection, "_build_or_load_segment_index", lambda *_: 1 / 0)
    lite.collection.insert(records(["p0"], unit(np.random.default_rng(8), 1)))
    lite.collection.flush()
    wait_until(lambda: lite.collection.pending_rows() == 0)
    assert lite.collection.num_entities == 1
