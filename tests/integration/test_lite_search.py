"""Our search inside of milvus-lite, beside its own: on what any order of writes, deletions and flushes leaves."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.engine import collection as engine
from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from app.adapters.milvus import lite_search

DIMENSION = 8
KEYS = 60
ITS_OWN = engine.execute_search_with_index
INDEXES = [
    ("FLAT", {}, {}),
    ("IVF_FLAT", {"nlist": 1}, {"nprobe": 1}),
    ("IVF_FLAT", {"nlist": 4}, {"nprobe": 2}),
    ("IVF_SQ8", {"nlist": 2}, {"nprobe": 2}),
    ("HNSW", {"M": 8, "efConstruction": 80}, {"ef": 100}),
]


@pytest.fixture(params=INDEXES, ids=lambda one: f"{one[0]}-{one[2]}")
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Collection, dict[str, int]]]:
    """A collection with an index, and the search parameters to ask it with."""
    kind, build_params, search_params = request.param
    fields = [
        FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=64),
        FieldSchema("product_id", DataType.VARCHAR, max_length=64),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIMENSION),
    ]
    with MilvusLite(str(tmp_path / "lite.db")) as database:
        collection = database.create_collection("c", CollectionSchema(fields, enable_dynamic_field=True))
        index = {"index_type": kind, "metric_type": "COSINE", "params": build_params}
        collection.create_index("vector", index)
        collection.load()
        yield collection, search_params


def unit(drawn: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    vectors = drawn.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def change(collection: Collection, chosen: random.Random, drawn: np.random.Generator) -> None:
    """Write some, write some again, delete some, or flush."""
    keys = [f"p{chosen.randrange(KEYS)}" for _ in range(chosen.randint(1, 12))]
    what = chosen.choices(("write", "delete", "flush"), (6, 3, 1))[0]
    if what == "flush":
        collection.flush()
    elif what == "delete":
        collection.delete(keys)
    else:
        records = [
            {"id": key, "product_id": f"of {key}", "vector": vector.tolist(), "price": chosen.randrange(100)}
            for key, vector in zip(dict.fromkeys(keys), unit(drawn, len(keys)), strict=False)
        ]
        collection.insert(records)


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


def test_it_finds_what_its_own_finds(
    asked: tuple[Collection, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, params = asked
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
        change(collection, chosen, drawn)
        expression = chosen.choice((None, None, "price < 50", 'id in ["p1", "p2", "p3"]'))
        top_k = chosen.choice((1, 5, 100))
        queries = unit(drawn, 3).tolist()
        collection.search(queries, top_k, expr=expression, output_fields=["product_id"], search_params=params)
    assert hits > 2_000


@pytest.mark.parametrize("asked", INDEXES[1:], indirect=True, ids=str)
def test_a_query_leaves_the_parameters_of_others_alone(asked: tuple[Collection, dict[str, int]]) -> None:
    collection, params = asked
    vectors = unit(np.random.default_rng(2), 50)
    collection.insert([{"id": f"p{n}", "product_id": "p", "vector": one.tolist()} for n, one in enumerate(vectors)])
    collection.flush()
    until = time.monotonic() + 10
    while not (indexes := [one.indexes.get("vector") for one in collection._read_snapshot()[0]])[0]:
        assert time.monotonic() < until  # it is made in the background

    def search(value: int, executor: Callable[..., object]) -> list[int]:
        segments, deleted = collection._read_snapshot()
        given = {"pk_field": "id", "vector_field": "vector", "output_fields": ["product_id"], "metric_type": "COSINE"}
        wanted = dict.fromkeys(params, value)
        executor(vectors, segments, collection._memtable, deleted, 5, **given, search_params=wanted)
        return [getattr(one._index, "nprobe", None) or one._index.hnsw.efSearch for one in indexes]

    assert search(99, ITS_OWN) == [99]
    assert search(98, lite_search.search) == [99]
