"""Measuring searches: what counts as found, asked as deep as a search asks, with questions spread over a catalog."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.bands import Band
from app.domain.best_products import BestProducts
from app.domain.builds import Build, IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Unavailable
from app.domain.search import Leg, SearchQuery
from app.ports.vectors import Stamp, VectorRow
from app.services.catalog_columns import Selection, Shared
from app.services.deeper_search import MAX_ROWS
from app.services.measure_searches import Meter, Target
from app.services.search_legs import Legs, Plan
from app.services.stored_vectors import Questions, questions_of, stored_rows
from tests.factories import FLAT, a_build, a_picture, a_submission
from tests.fakes.vectors import FakeVectorStore
from tests.pipelines import Pipeline

DIMENSION = 16


class Held:
    """A step that nobody takes away; how often it went on."""

    def __init__(self) -> None:
        self.times = 0

    def go_on(self) -> None:
        self.times += 1


def drawn(count: int, *, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def filled(store: FakeVectorStore, collection: str, products: Vectors, pictures: int) -> None:
    """Products with so many pictures that are nearly the same."""
    store.create(collection, dimension=DIMENSION, index=FLAT)
    noise = np.random.default_rng(1)
    for number, vector in enumerate(products):
        near = vector + noise.standard_normal((pictures, DIMENSION)).astype(np.float32) * np.float32(1e-4)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        store.upsert(
            collection,
            [
                VectorRow(f"p{number}#{place}", f"p{number}", Stamp(1, 0), one, {})
                for place, one in enumerate(near.astype(np.float32))
            ],
        )


def exact_of(questions: Vectors, products: Vectors, depth: int) -> BestProducts:
    exact = BestProducts(len(questions), depth)
    exact.add([f"p{number}" for number in range(len(products))], questions @ products.T)
    return exact


def answer(product_ids: Sequence[str], score: float = 0.0) -> dict[str, float]:
    return dict.fromkeys(product_ids, score)


def test_what_was_not_shown_is_passed_over() -> None:
    exact = BestProducts(1, 4)
    exact.add([f"p{n}" for n in range(20)], np.linspace(1, 0, 20, dtype=np.float32)[None])

    def recall(*product_ids: str) -> float:
        return float(exact.recall([answer(product_ids)])[0])

    assert recall("p0", "p1", "p2", "p3") == 1
    assert recall("new", "p0", "p1", "p2", "p3") == 1
    assert recall("new", "p0", "newer", "p1") == 1
    assert recall("new", "p0", "p2", "p1") == 1
    assert recall("new", "p0", "p1", "p9") == pytest.approx(2 / 3)
    assert recall("p0", "p1") == 0.5
    assert recall() == 0
    assert np.isnan(recall("new", "p0", "newer", "newest"))
    few = BestProducts(1, 4)
    few.add(["a", "b"], np.ones((1, 2), dtype=np.float32))
    assert few.recall([answer(["new", "a", "b"])]).tolist() == [1]
    assert few.recall([answer(["new", "a"])]).tolist() == [0.5]
    assert BestProducts(2, 4).recall([{}, {}]).tolist() == [1, 1]


def test_uploads_that_are_on_their_way_leave_the_recall_of_an_index_as_it_is() -> None:
    random, products, questions = np.random.default_rng(7), drawn(600), drawn(40, seed=5)
    hidden = random.random(600) < 0.08  # by an index, wherever they lie
    there = np.flatnonzero(~hidden)
    order = there[np.argsort(-(questions @ products[there].T), axis=1)][:, :100]
    answers = [answer([f"p{number}" for number in some]) for some in order]
    before = exact_of(questions, products, 100).recall(answers).mean()
    assert 0.88 < before < 0.95
    standing = np.flatnonzero(random.random(600) < 0.8)
    exact = BestProducts(40, 100)
    exact.add([f"p{number}" for number in standing], questions @ products[standing].T)
    assert exact.recall(answers).mean() == pytest.approx(before, abs=0.01)


def test_a_kind_of_question_of_which_little_can_be_judged_is_not_measured() -> None:
    questions = Questions(drawn(5), captions=3)
    none = float("nan")
    assert questions.worst(np.array([0.9, 0.8, none, 1, none])) == pytest.approx(0.85)
    with pytest.raises(Unavailable) as raised:
        questions.worst(np.array([0.9, none, none, 1, 1]))
    assert raised.value.code == "in_flight"


def test_of_more_equal_products_than_are_kept_any_counts() -> None:
    names = [f"p{n:04}" for n in range(1_000)]
    scores = np.concatenate([[0.9, 0.8], np.full(998, 0.5)]).astype(np.float32)[None]
    exact = BestProducts(1, 10)
    for start in range(0, 1_000, 90):
        exact.add(names[start : start + 90], scores[:, start : start + 90])
    for last in (names[2:10], names[300:308], names[-8:]):
        assert exact.recall([{"p0000": 0.9, "p0001": 0.8, **answer(last, 0.5)}]).tolist() == [1]
        assert exact.recall([{"p0000": 0.9, **answer(last, 0.5)}]).tolist() == [0.9]
    rough = {"p0000": 0.9, "p0001": 0.8, **answer(names[-8:], 0.49)}
    assert exact.recall([rough], slack=0.02).tolist() == [1]
    assert exact.recall([rough], slack=0.001)[0] < 1
    assert exact.recall([rough | answer(["p0001"], 0.1)], slack=0.02).tolist() == [1]  # by its exact score


def test_products_of_twenty_pictures_are_all_found() -> None:
    store, products, held = FakeVectorStore(), drawn(120), Held()
    filled(store, "pictures", products, 20)
    questions = drawn(25, seed=5)
    meter = Meter(store, Questions(questions, 13), held)  # type: ignore[arg-type]
    target = Target("pictures", exact_of(questions, products, 30))
    assert meter.recall(FLAT, [target]) == 1  # asked again, as a search does
    assert meter.over_fetch(FLAT, target) == 20
    assert meter.recall(FLAT, [replace(target, over_fetch=20)]) == 1


def test_a_recall_is_not_a_billionth_lower_for_being_a_mean() -> None:
    store, products, questions = FakeVectorStore(), drawn(20), drawn(9, seed=5)
    filled(store, "pictures", products[:-1], 1)
    target = Target("pictures", exact_of(questions, products, 20))
    assert np.full(9, 0.95).mean() < 0.95
    assert Meter(store, Questions(questions, 9), Held()).recall(FLAT, [target]) == 0.95  # type: ignore[arg-type]


def test_most_queries_have_enough_products_at_once() -> None:
    """Of twenty-five one falls short, and not two."""
    store = FakeVectorStore()
    store.create("pictures", dimension=DIMENSION, index=FLAT)
    axes = np.eye(DIMENSION, dtype=np.float32)
    for number in range(4):  # by the first two axes are products of one picture, by the others of many
        pictures = 1 if number < 2 else 5
        rows = [VectorRow(f"p{number}#{n}", f"p{number}", Stamp(1, 0), axes[number], {}) for n in range(pictures)]
        store.upsert("pictures", rows)

    def over_fetch(many: int) -> int:
        questions = np.stack([axes[2 if place < many else 0] for place in range(25)])
        meter = Meter(store, Questions(questions, 25), Held())  # type: ignore[arg-type]
        return meter.over_fetch(FLAT, Target("pictures", exact_of(questions, axes[:4], 2)))

    assert [over_fetch(many) for many in (0, 1, 2)] == [1, 1, 3]


def test_a_search_takes_what_tuning_found_as_deep_as_a_store_can(pipeline: Pipeline) -> None:
    store, asked = FakeVectorStore(), list[int]()
    build = replace(a_build(), index=replace(IndexSpec.of("HNSW"), bands=(Band(1.0, 100, 50),)))
    filled(store, build.images, drawn(500), 1)
    search = store.search

    def bounded(collection: str, queries: Vectors, *, limit: int, **named: Any) -> Any:
        assert limit <= MAX_ROWS
        asked.append(limit)
        return search(collection, queries, limit=limit, **named)

    store.search = bounded  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        query = SearchQuery(text="mug", limit=100, legs={Leg.IMAGE: 1.0})
        everything = Selection(Shared(), np.ones(500, dtype=np.bool_), 500, 500)
        found = Legs(pipeline.database, store, pool).search(
            Plan(build, None, everything), query, {Leg.IMAGE: drawn(1), Leg.TEXT: drawn(1)}
        )
    assert len(found[Leg.IMAGE]) == 400
    assert asked == [MAX_ROWS]


def stocked(pipeline: Pipeline) -> Build:
    """Six products with as many pictures each, two of them with one caption."""
    for number in range(6):
        pictures = [a_picture("red", size=(20 + number, 20 + place)) for place in range(6)]
        title = "the same mug" if number > 3 else f"mug {number}"
        pipeline.accepted(a_submission(f"p{number}", title, pictures=pictures))
    pipeline.work()
    return pipeline.live()


def test_questions_are_spread_over_products_and_asked_once(pipeline: Pipeline) -> None:
    build = stocked(pipeline)
    with pipeline.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        known = connection.exec_driver_sql("SELECT content_hash, product_id, position FROM images").all()
        for name, product_id, position in known:  # each picture a vector of its own
            vector = np.zeros(64, dtype=np.float32)
            vector[int(product_id[1:]) * 6 + position] = 1
            connection.exec_driver_sql(
                "UPDATE embeddings SET vector = ? WHERE content_hash = ?", (vector.tobytes(), name)
            )
    questions = questions_of(pipeline.database, build)
    assert questions.captions == 5
    places = [int(one.argmax()) for one in questions.vectors[5:]]
    assert sorted(place // 6 for place in places) == list(range(6))  # one of each product
    assert len({place % 6 for place in places}) == 6  # and not the first of all


def test_nothing_is_open_while_a_page_is_looked_at(pipeline: Pipeline) -> None:
    build = stocked(pipeline)
    pages = 0
    for _ in stored_rows(pipeline.database, build):
        pages += 1
        assert not pipeline.database.engine.pool.checkedout()  # type: ignore[attr-defined]
    assert pages == 1
