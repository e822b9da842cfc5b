"""The port of the vector store: its fake, milvus-lite and a Milvus server face the same suite."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.adapters.milvus.store import MilvusStore
from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import BadVector, Conflict, Invalid, StoreUnavailable
from app.domain.filters import parse_filter
from app.domain.products import AttributeType
from app.ports.vectors import Among, Stamp, VectorRow, VectorStore
from app.services.asked_afresh import asked_afresh
from scripts.bench.large_catalog import clustered
from tests.fakes.vectors import FakeVectorStore

DIMENSION = 16
NAME = "vitrine_contract"
OTHER = "vitrine_contract_other"
MOST = 2_500  # rows of the largest test
HNSW = IndexSpec.of("HNSW")
SCHEMA = {"colour": AttributeType.KEYWORD, "price": AttributeType.NUMBER}


def unit_vectors(count: int, *, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def rows_of(vectors: Vectors, *, version: int = 1, first: int = 0, **attributes: Any) -> list[VectorRow]:
    return [
        VectorRow(f"p{n}#0", f"p{n}", Stamp(version, -n), vector, attributes | {"price": n})
        for n, vector in enumerate(vectors, start=first)
    ]


@pytest.fixture(scope="module", params=["fake", "lite", pytest.param("server", marks=pytest.mark.milvus_server)])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    """A store with a collection, which takes a server three seconds to make and to drop."""
    store: FakeVectorStore | MilvusStore = FakeVectorStore()
    if request.param == "lite":
        store = MilvusStore(str(tmp_path_factory.mktemp("lite") / "vectors.db"))
    if request.param == "server":
        store = MilvusStore(request.getfixturevalue("milvus_uri"))
    for name in (NAME, OTHER):
        store.drop(name)
    store.create(NAME, dimension=DIMENSION, index=HNSW)
    yield store
    store.drop(NAME)
    store.close()


def aliases_of(store: VectorStore, collection: str) -> list[str]:
    if isinstance(store, FakeVectorStore):
        return [alias for alias, named in store.aliases.items() if named == collection]
    assert isinstance(store, MilvusStore)
    with store.connection.open() as client:
        return list(client.list_aliases(collection_name=collection)["aliases"])


def test_an_alias_names_one_collection_after_the_other(opened: VectorStore) -> None:
    alias = "vitrine_contract_live"
    opened.create(OTHER, dimension=DIMENSION, index=HNSW)
    for name in (NAME, NAME, OTHER):
        opened.point(alias, name)
        assert aliases_of(opened, name) == [alias]
    assert aliases_of(opened, NAME) == []
    opened.point(alias, NAME)
    opened.drop(OTHER)
    assert aliases_of(opened, NAME) == [alias]
    opened.upsert(NAME, rows_of(unit_vectors(1)))
    assert opened.count(NAME) == 1


def test_an_alias_of_a_collection_that_is_lost_waits(opened: VectorStore) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        opened.point("vitrine_contract_lost", OTHER)
    assert raised.value.code == "index_lost"


@pytest.fixture
def store(opened: VectorStore) -> VectorStore:
    """A store with an empty collection."""
    opened.delete(NAME, [f"p{n}#0" for n in range(MOST)])
    assert opened.count(NAME) == 0
    return opened


def test_milvus_lite_tells_what_is_free_where_it_lies(tmp_path: Path) -> None:
    store = MilvusStore(str(tmp_path / "yet" / "to be made" / "vectors.db"))
    free = store.free_bytes()
    assert free is not None
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    assert not (tmp_path / "yet").exists()
    assert MilvusStore("http://milvus:19530").free_bytes() is None


def test_a_row_is_found_by_its_own_vector_as_soon_as_it_is_written(store: VectorStore) -> None:
    vectors = unit_vectors(50)
    store.upsert(NAME, rows_of(vectors))
    store.settle(NAME)
    answers = store.search(NAME, vectors, limit=3, index=HNSW)
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(50)]
    assert [hits[0].product_id for hits in answers] == [f"p{n}" for n in range(50)]
    assert all(hits[0].score == pytest.approx(1.0, abs=1e-5) for hits in answers)
    assert all(len(hits) == 3 for hits in answers)


def test_a_search_of_indexed_rows_alone_may_leave_out_what_was_just_written(store: VectorStore) -> None:
    vectors = unit_vectors(20)
    store.upsert(NAME, rows_of(vectors))
    found = store.search(NAME, vectors[:3], limit=5, index=HNSW, growing=False)
    whole = store.search(NAME, vectors[:3], limit=5, index=HNSW)
    growing = isinstance(store, MilvusStore) and not store.connection.lite
    assert [len(answer) for answer in whole] == [5] * 3
    assert found == ([[]] * 3 if growing else whole)


def test_scores_are_cosine_similarities_best_first(store: VectorStore) -> None:
    vectors = unit_vectors(30)
    query = unit_vectors(1, seed=1)
    store.upsert(NAME, rows_of(vectors))
    (hits,) = store.search(NAME, query, limit=30, index=HNSW)
    expected = np.sort(vectors @ query[0])[::-1]
    assert [hit.score for hit in hits] == pytest.approx(expected.tolist(), abs=1e-5)


def wait_until_indexed(store: VectorStore, collection: str) -> None:
    until = time.monotonic() + 60
    while store.unindexed(collection) or store.unserved(collection):
        assert time.monotonic() < until
        time.sleep(0.2)


def test_what_is_sealed_is_indexed_after_a_while(store: VectorStore) -> None:
    vectors = unit_vectors(MOST)
    assert store.unsealed(NAME) == 0
    store.upsert(NAME, rows_of(vectors))
    on_server = isinstance(store, MilvusStore) and not store.connection.lite
    assert store.unsealed(NAME) == (MOST if on_server else 0)  # elsewhere none is left unsealed for long
    store.seal(NAME)
    assert store.unsealed(NAME) == 0
    wait_until_indexed(store, NAME)
    answers = store.search(NAME, vectors[:100], limit=1, index=HNSW, growing=False)
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(100)]


def test_once_nothing_is_unindexed_or_unserved_the_index_answers_afresh_too(store: VectorStore) -> None:
    if isinstance(store, FakeVectorStore):
        pytest.skip("it has no index")
    poor = IndexSpec.of("HNSW", {"M": 4, "efConstruction": 8, "ef": 10})
    vectors, queries = clustered(6_000, 64), clustered(50, 64, seed=1)
    nearest = [{f"p{n}#0" for n in np.argsort(-one)[:10]} for one in queries @ vectors.T]
    store.create(OTHER, dimension=64, index=poor)
    for start in range(0, len(vectors), 1_000):
        store.upsert(OTHER, rows_of(vectors[start : start + 1_000], first=start))
    store.settle(OTHER)
    store.seal(OTHER)
    wait_until_indexed(store, OTHER)
    answers = store.search(OTHER, queries, limit=10, index=poor)
    store.search(OTHER, queries, limit=10, index=poor.searched_with(2_000))
    again = store.search(OTHER, asked_afresh(queries), limit=10, index=poor)
    assert store.unindexed(OTHER) == 0
    store.drop(OTHER)
    assert [[one.id for one in hits] for hits in again] == [[one.id for one in hits] for hits in answers]
    found = np.mean([len(best & {one.id for one in hits}) for best, hits in zip(nearest, answers, strict=True)]) / 10
    assert found < 0.9  # all is found where rows are compared one by one


def test_the_stamps_of_a_range_of_ids_are_read_whole(store: VectorStore) -> None:
    vectors = unit_vectors(MOST)
    store.upsert(NAME, rows_of(vectors))
    store.upsert(NAME, rows_of(vectors[:100], version=2))
    store.delete(NAME, ["p7#0", "p1234#0"])
    there = {f"p{n}#0": Stamp(2 if n < 100 else 1, -n) for n in range(MOST) if n not in (7, 1234)}
    assert store.stamps_between(NAME, "", "") == there
    bounds = [("", "p1$"), ("p1$", "p1000$"), ("p1000$", "p50$"), ("p50$", "")]
    parts = [store.stamps_between(NAME, after, before) for after, before in bounds]
    assert sum(map(len, parts)) == len(there)
    assert {row_id: stamp for part in parts for row_id, stamp in part.items()} == there
    assert all(
        after < row_id and (not before or row_id < before)
        for part, (after, before) in zip(parts, bounds, strict=True)
        for row_id in part
    )
    assert store.stamps_between(NAME, 'p1" or id != "', "q") == {
        row_id: stamp for row_id, stamp in there.items() if row_id > 'p1" or id != "'
    }


def test_rows_that_somebody_else_wrote_are_read_and_deleted_by_whatever_their_id_is(store: VectorStore) -> None:
    if not isinstance(store, MilvusStore):
        pytest.skip("nobody else writes into a dictionary")
    store.upsert(NAME, rows_of(unit_vectors(3)))
    foreign = ['q"1', "q \\ 2", "q' or id != '", "qé 杯 3", "q\n\t4"]
    row = {"product_id": "q", "version": 7, "digest": 8, "attributes": {}}
    rows = [
        {**row, "id": one, "vector": vector.tolist()} for one, vector in zip(foreign, unit_vectors(5), strict=True)
    ]
    if store.connection.layout.dynamic:
        rows = [{name: value for name, value in one.items() if name != "attributes"} for one in rows]
    with store.connection.writing(NAME, len(rows)) as client:
        client.insert(NAME, rows)
    expected = dict.fromkeys(foreign, Stamp(7, 8))
    assert store.stamps(NAME, [*foreign, "q1"]) == expected
    assert store.stamps_between(NAME, "q", "") == expected
    store.delete(NAME, foreign)
    assert set(store.stamps_between(NAME, "", "")) == {"p0#0", "p1#0", "p2#0"}


def test_a_written_row_replaces_the_one_of_its_id(store: VectorStore) -> None:
    old, new = unit_vectors(20), unit_vectors(20, seed=1)
    store.upsert(NAME, rows_of(old, colour="red"))
    store.upsert(NAME, rows_of(new, version=2, colour="blue"))
    assert store.count(NAME) == 20
    assert store.stamps(NAME, ["p7#0"]) == {"p7#0": Stamp(2, -7)}
    (hits,) = store.search(NAME, new[7:8], limit=50, index=HNSW)
    assert hits[0].id == "p7#0"
    assert len({hit.id for hit in hits}) == len(hits) == 20
    red = parse_filter({"colour": "red"}, SCHEMA)
    assert store.search(NAME, old[:1], limit=50, index=HNSW, where=red) == [[]]


@pytest.mark.parametrize("between", [lambda store: None, lambda store: store.close()], ids=["in memory", "on disk"])
def test_an_attribute_that_is_taken_away_is_gone(store: VectorStore, between: Callable[[VectorStore], None]) -> None:
    (vector,) = unit_vectors(1)
    schema = {"colour": AttributeType.KEYWORD, "sizes": AttributeType.KEYWORDS}
    store.upsert(NAME, [VectorRow("p0#0", "p0", Stamp(1, 5), vector, {"colour": "red", "sizes": ["S", "L"]})])
    between(store)
    store.upsert(NAME, [VectorRow("p0#0", "p0", Stamp(2, 5), vector, {"sizes": ["S"]})])
    for asked in ({"sizes": "L"}, {"colour": "red"}, {"colour": {"exists": True}}):
        where, left = parse_filter(asked, schema), parse_filter({"not": asked}, schema)
        assert store.search(NAME, vector[None], limit=5, index=HNSW, where=where) == [[]]
        ((hit,),) = store.search(NAME, vector[None], limit=5, index=HNSW, where=left)
        assert hit.id == "p0#0"


def test_of_two_rows_with_one_id_in_a_call_the_last_is_kept(store: VectorStore) -> None:
    first, last = unit_vectors(2)
    store.upsert(
        NAME, [VectorRow("p1#0", "p1", Stamp(1, 5), first, {}), VectorRow("p1#0", "p1", Stamp(2, 6), last, {})]
    )
    assert store.count(NAME) == 1
    assert store.stamps(NAME, ["p1#0"]) == {"p1#0": Stamp(2, 6)}
    ((hit,),) = store.search(NAME, last[None], limit=5, index=HNSW)
    assert hit.score == pytest.approx(1.0, abs=1e-5)


def test_a_deleted_row_is_gone_and_an_unknown_id_is_passed_over(store: VectorStore) -> None:
    vectors = unit_vectors(10)
    store.upsert(NAME, rows_of(vectors))
    store.delete(NAME, ["p3#0", "nobody", "p3#0"])
    store.delete(NAME, [])
    assert store.count(NAME) == 9
    assert store.stamps(NAME, [f"p{n}#0" for n in (2, 3)]) == {"p2#0": Stamp(1, -2)}
    (hits,) = store.search(NAME, vectors[3:4], limit=10, index=HNSW)
    assert "p3#0" not in {hit.id for hit in hits}
    store.upsert(NAME, rows_of(vectors[3:4], first=3, version=5))
    assert store.stamps(NAME, ["p3#0"]) == {"p3#0": Stamp(5, -3)}


def test_a_filter_selects_within_the_nearest(store: VectorStore) -> None:
    vectors = unit_vectors(40)
    store.upsert(NAME, rows_of(vectors))
    where = parse_filter({"price": {"gte": 10, "lt": 15}}, SCHEMA)
    (hits,) = store.search(NAME, vectors[:1], limit=40, index=HNSW, where=where)
    assert {hit.product_id for hit in hits} == {f"p{n}" for n in range(10, 15)}
    nothing = parse_filter({"colour": {"in": []}}, SCHEMA)
    assert store.search(NAME, vectors[:2], limit=40, index=HNSW, where=nothing) == [[], []]
    everything = parse_filter({}, SCHEMA)
    assert len(store.search(NAME, vectors[:1], limit=40, index=HNSW, where=everything)[0]) == 40


def test_among_few_products_every_row_is_compared(store: VectorStore) -> None:
    """Whatever the index: its graph is asked to look at one row, and 5 of 2,000 are far from each other."""
    vectors = unit_vectors(2_000)
    store.upsert(NAME, rows_of(vectors))
    wait_until_indexed(store, NAME)
    (asked,) = query = unit_vectors(1, seed=5)
    chosen = [3, 500, 999, 1_500, 1_999]
    among = Among([f"p{n}" for n in chosen] + ["unknown", 'x"] or id != ""', "y\\"])
    (found,) = store.search(NAME, query, limit=10, index=HNSW.searched_with(1), where=among)
    best_first = sorted(chosen, key=lambda n: -float(vectors[n] @ asked))
    assert [hit.product_id for hit in found] == [f"p{n}" for n in best_first]
    assert store.search(NAME, query, limit=10, index=HNSW, where=Among([])) == [[]]
    many = Among([f"p{n}" for n in range(MOST)])
    assert len(store.search(NAME, query, limit=MOST, index=HNSW, where=many)[0]) == 2_000


def test_many_rows_and_ids_go_in_one_call(store: VectorStore) -> None:
    store.upsert(NAME, rows_of(unit_vectors(MOST)))
    assert store.count(NAME) == MOST
    assert len(store.stamps(NAME, [f"p{n}#0" for n in range(3_000)])) == MOST
    store.delete(NAME, [f"p{n}#0" for n in range(1_200)])
    assert store.count(NAME) == MOST - 1_200


def test_an_empty_collection_answers(store: VectorStore) -> None:
    assert store.count(NAME) == 0
    assert store.stamps(NAME, ["p1#0"]) == {}
    assert store.stamps(NAME, []) == {}
    assert store.search(NAME, unit_vectors(2), limit=5, index=HNSW) == [[], []]
    assert store.search(NAME, unit_vectors(0), limit=5, index=HNSW) == []
    store.upsert(NAME, [])
    store.ping()


def test_creating_again_keeps_the_rows_and_another_dimension_is_a_conflict(store: VectorStore) -> None:
    store.upsert(NAME, rows_of(unit_vectors(3)))
    store.create(NAME, dimension=DIMENSION, index=HNSW)
    assert store.count(NAME) == 3
    with pytest.raises(Conflict):
        store.create(NAME, dimension=DIMENSION + 1, index=HNSW)


def test_a_dropped_collection_is_gone_and_can_be_made_anew(store: VectorStore) -> None:
    store.create(OTHER, dimension=DIMENSION, index=HNSW)
    store.upsert(OTHER, rows_of(unit_vectors(3)))
    store.drop(OTHER)
    store.drop(OTHER)
    for call in (
        lambda: store.count(OTHER),
        lambda: store.stamps(OTHER, ["p1#0"]),
        lambda: store.search(OTHER, unit_vectors(1), limit=1, index=HNSW),
        lambda: store.upsert(OTHER, rows_of(unit_vectors(3))),
    ):
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert raised.value.code == "index_lost"
        assert OTHER not in raised.value.detail
    store.create(OTHER, dimension=4, index=HNSW)
    assert store.count(OTHER) == 0
    store.upsert(OTHER, rows_of(unit_vectors(3, dimension=4)))
    assert store.count(OTHER) == 3
    store.drop(OTHER)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda vectors: vectors[:, :-1], Invalid),
        (lambda vectors: vectors * 2, BadVector),
        (lambda vectors: vectors * 0, BadVector),
        (lambda vectors: vectors * np.float32("nan"), BadVector),
        (lambda vectors: vectors * np.float32("inf"), BadVector),
    ],
)
def test_a_vector_that_must_not_be_stored_is_refused_with_its_whole_call(
    store: VectorStore, spoil: Callable[[Vectors], Vectors], error: type[Exception]
) -> None:
    vectors = unit_vectors(5)
    with np.errstate(invalid="ignore"):
        spoiled = spoil(vectors)
    with pytest.raises(error):
        store.upsert(NAME, [*rows_of(vectors[:4]), *rows_of(spoiled[4:], first=4)])
    assert store.count(NAME) == 0


@pytest.mark.parametrize("limit", [0, -1])
def test_a_search_for_no_rows_is_refused(store: VectorStore, limit: int) -> None:
    with pytest.raises(Invalid):
        store.search(NAME, unit_vectors(1), limit=limit, index=HNSW)


@pytest.mark.parametrize("name", ["", "1abc", "a-b", "a b", 'x"', "../x", "ü"])
def test_a_bad_collection_name_is_refused(store: VectorStore, name: str) -> None:
    with pytest.raises(Invalid):
        store.create(name, dimension=4, index=HNSW)


@pytest.mark.parametrize("kind", ["DISKANN", "SCANN", "hnsw", ""])
def test_an_index_type_that_cannot_be_built_is_refused(store: VectorStore, kind: str) -> None:
    with pytest.raises(Invalid) as refused:
        store.create(OTHER, dimension=4, index=IndexSpec(kind, {}, {}))
    assert refused.value.code == "index_type"


@pytest.mark.parametrize(
    "index",
    [
        IndexSpec("HNSW", {"M": 8, "efConstruction": 64}, {"ef": 16}),
        IndexSpec("IVF_FLAT", {"nlist": 4}, {"nprobe": 4}),
        IndexSpec("IVF_SQ8", {"nlist": 4}, {"nprobe": 4}),
        IndexSpec("FLAT", {}, {}),
    ],
    ids=lambda index: index.type,
)
def test_every_allowed_index_finds_what_was_written(store: VectorStore, index: IndexSpec) -> None:
    store.create(OTHER, dimension=DIMENSION, index=index)
    vectors = unit_vectors(200)
    store.upsert(OTHER, rows_of(vectors))
    answers = store.search(OTHER, vectors[:20], limit=40, index=index)
    store.drop(OTHER)
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(20)]
    assert all(len(hits) == 40 for hits in answers)


def test_threads_that_write_at_once_lose_nothing(store: VectorStore) -> None:
    vectors = unit_vectors(8 * 60)

    def write(part: int) -> None:
        for start in range(part * 60, part * 60 + 60, 10):
            store.upsert(NAME, rows_of(vectors[start : start + 10], first=start))
            store.search(NAME, vectors[start : start + 1], limit=1, index=HNSW)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count(NAME) == 480
    answers = store.search(NAME, vectors, limit=1, index=HNSW)
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(480)]
