"""Tuning: the least parameter that reaches a recall is found exactly, for each share that filters pass, and taken."""

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.domain.bands import Band, band_for
from app.domain.best_products import BestProducts
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Conflict, Invalid, NotFound, StoreUnavailable
from app.domain.filters import Filter, parse_filter
from app.domain.index_size import index_bytes
from app.domain.likely_filters import likely_filters
from app.domain.passing import passes
from app.domain.search import SearchQuery
from app.domain.tuning import NOT_TUNED, TUNED, TUNING, Ladder, Tuning
from app.ports.vectors import Neighbour
from app.services import compare_indexes, exact_answers, measure_searches, stored_vectors, tune_bands
from app.services.start_tuning import start_tuning
from app.services.steer_build import retire
from tests.building import Shop
from tests.factories import SCHEMA, a_deletion, a_patch, a_picture, a_submission
from tests.fakes.vectors import FakeVectorStore
from tests.pipelines import Pipeline
from tests.tuning import dies_at, stocked, tune, with_lists

PRODUCTS = 140
WHOLE, HALF, TWENTIETH = Band(1.0, 40, 1), Band(0.5, 90, 2), Band(0.05, 70, 1)


def test_a_filter_gets_the_most_that_any_band_needs() -> None:
    assert band_for([WHOLE, HALF, TWENTIETH], filtered=False, usual=16) == WHOLE
    assert band_for([WHOLE, HALF, TWENTIETH], filtered=True, usual=16) == Band(0.05, 90, 2)
    assert band_for([WHOLE, TWENTIETH, Band(0.5, 20, 3)], filtered=True, usual=200) == Band(0.05, 70, 3)
    # A broad filter needs as much as none: nearly everything passes.
    assert band_for([Band(1.0, 400, 1), Band(0.05, 100, 1)], filtered=True, usual=128) == Band(0.05, 400, 1)


def test_where_no_filter_was_measured_it_gets_no_less_than_before_and_than_a_search_without() -> None:
    assert band_for([Band(1.0, 400, 3)], filtered=True, usual=128) == Band(1.0, 400, 3)
    assert band_for([WHOLE], filtered=True, usual=128) == Band(1.0, 128, 1)


def test_what_was_not_measured_says_nothing() -> None:
    assert band_for([], filtered=False, usual=16) is None
    assert band_for([], filtered=True, usual=16) is None
    assert band_for([HALF], filtered=False, usual=16) is None


def test_the_least_value_that_reaches_the_target_is_found_exactly() -> None:
    for least, most in ((1, 1), (1, 64), (1, 100), (100, 5_000)):
        for needed in random.Random(0).choices(range(least, most + 1), k=50):
            asked: list[int] = []

            def recall_of(value: int, needed: int = needed, asked: list[int] = asked) -> float:
                asked.append(value)
                return min(1.0, value / needed)

            ladder = Ladder(1.0)
            ladder.climb(recall_of, least=least, most=most)
            assert (ladder.chosen, ladder.reached) == (needed, True)
            assert len(asked) == len(set(asked)) <= 2 * np.log2(most) + 3


def test_out_of_reach_the_least_value_with_the_best_recall_is_told() -> None:
    ladder = Ladder(0.95)
    ladder.climb(lambda value: min(value / 40, 0.9), least=1, most=1_000)
    assert (ladder.chosen, ladder.reached, ladder.recalls[ladder.chosen]) == (64, False, 0.9)
    assert max(ladder.recalls) == 1_000
    noisy = Ladder(0.95, {200: 0.91, 400: 0.931, 800: 0.9401, 1_600: 0.9399, 32_768: 0.9402})
    assert (noisy.chosen, noisy.reached) == (400, False)  # what is beyond is not told apart


def test_the_exact_answer_is_that_of_all_pages_and_equal_scores_count_alike() -> None:
    drawn = np.random.default_rng(0)
    scores = np.round(drawn.random((7, 90), dtype=np.float32), 2)  # many are equal
    names = [f"p{n}" for n in range(90)]
    exact = BestProducts(7, 10)
    for start in range(0, 90, 13):
        exact.add(names[start : start + 13], scores[:, start : start + 13])
    answers = []
    for row in scores:
        order = sorted(range(90), key=lambda n: (-row[n], -n))  # of equal ones those that came last
        answers.append([names[n] for n in order[:10]])
    assert exact.recall([dict.fromkeys(some, 0.0) for some in answers]).tolist() == [1.0] * 7
    assert exact.recall([dict.fromkeys(some[:5], 0.0) for some in answers]).tolist() == [0.5] * 7
    few = BestProducts(2, 10)
    few.add(["a", "b"], np.array([[1, 0], [0, 1]], dtype=np.float32))
    assert few.recall([{"a": 1.0, "b": 0.0}, {"b": 1.0}]).tolist() == [1.0, 0.5]


def attributes(number: int) -> dict[str, Any]:
    drawn = random.Random(number)
    sizes = [size for size in ("S", "M", "L") if drawn.random() < 0.2]
    colour = drawn.choices(["red", "green", "blue"], [6, 3, 1])[0]
    return {"colour": colour, "price": drawn.random() * 100, "in_stock": True, "sizes": sizes}


def test_filters_are_made_of_what_products_have() -> None:
    sampled = [attributes(number) for number in range(2_000)]
    shares = (0.5, 0.05, 0.005)
    found = likely_filters(SCHEMA, sampled, shares)
    for share in shares:
        where = parse_filter(found[share], SCHEMA)
        passing = sum(passes(where, one) for one in sampled) / len(sampled)
        assert share / 1.2 < passing < share * 1.2
    no_price = [{name: value for name, value in one.items() if name != "price"} for one in sampled]
    found = likely_filters(SCHEMA, no_price, shares)
    assert len(found[0.05]) == 2  # two that hold at once
    assert 0.005 not in likely_filters(SCHEMA, [{"in_stock": True}] * 1_000, shares)
    assert likely_filters({}, sampled, shares) == {}


def test_memory_is_computed_by_the_published_rules() -> None:
    size = {"rows": 1_000, "dimension": 64}
    assert index_bytes(IndexSpec.of("FLAT"), **size) == 1_000 * 256
    assert index_bytes(IndexSpec.of("HNSW", {"M": 16}), **size) == 1_000 * (256 + 128)
    assert index_bytes(IndexSpec.of("HNSW_SQ", {"M": 16}), **size) == 1_000 * (64 + 128)
    assert index_bytes(IndexSpec.of("IVF_FLAT", {"nlist": 10}), **size) == 1_000 * (256 + 8) + 10 * 256
    assert index_bytes(IndexSpec.of("IVF_SQ8", {"nlist": 10}), **size) == 1_000 * (64 + 8) + 10 * 256
    pq = index_bytes(IndexSpec.of("IVF_PQ", {"nlist": 10, "m": 16, "nbits": 8}), **size)
    assert pq == 1_000 * (16 + 8) + 10 * 256 + 256 * 256


def _nothing_comes() -> None: ...


class Rough:
    """Lets a store find everything from a known value of its parameter on, a greater one under a filter."""

    whole, filtered, takes = 40, 70, 0.0

    def __init__(self, store: FakeVectorStore, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(stored_vectors, "QUERIES", 6)  # this store is slow
        patch.setattr(measure_searches, "ROUNDS", 3)
        self.created: list[str] = []
        self.queries: list[int] = []
        self.comes: Callable[[], None] = _nothing_comes
        self.asked: list[tuple[str, int, IndexSpec, Filter | None]] = []
        self._search, self._create = store.search, store.create
        patch.setattr(store, "search", self.search)
        patch.setattr(store, "create", self.create)

    def create(self, collection: str, **named: Any) -> None:
        self.created.append(collection)
        self._create(collection, **named)

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | None = None,
        **named: Any,
    ) -> list[list[Neighbour]]:
        self.asked.append((collection, limit, index, where))
        self.queries.append(len(queries))
        comes, self.comes = self.comes, _nothing_comes  # once
        comes()
        time.sleep(self.takes)
        answers = self._search(collection, queries, limit=limit, index=index, where=where, **named)
        needed = self.whole if where is None else self.filtered
        value = min(index.search_params.get("nprobe", needed), needed)
        return [some[: len(some) * value // needed] for some in answers]


def least(needed: int, recall: float, depth: int = 100) -> int:
    """The least value with which a rough store finds so much of `depth` rows."""
    return next(value for value in range(1, needed + 1) if depth * value // needed >= recall * depth)


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """A hundred and forty products of two pictures, half of them red."""
    return stocked(pipeline, PRODUCTS)


@pytest.fixture
def build(shop: Shop) -> Build:
    return with_lists(shop)


@pytest.fixture
def rough(shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch) -> Rough:
    return Rough(shop.pipeline.store, monkeypatch)


def tuned(shop: Shop, build: Build, recall: float = 0.95, compare: tuple[str, ...] = ()) -> dict[str, Any]:
    tune(shop, build, recall, compare)
    shop.work()
    found = shop.build(build).tuned
    assert found is not None
    return dict(found)


def test_the_cheapest_parameters_are_found_for_each_band_and_stored(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_bands, "ROWS_PER_CANDIDATE", 9)  # of what has no pictures
    told = tuned(shop, build)
    whole, half, *strict = told["bands"]
    assert (whole["share"], whole["filter"], whole["products"]) == (1.0, None, PRODUCTS)
    assert (half["share"], half["products"]) == (0.5, 70)
    assert whole["search_params"] == {"nprobe": least(40, 0.95)}
    assert half["search_params"] == {"nprobe": least(70, 0.95, 70)}
    assert [(one["products"], one["search_params"]) for one in strict] == [(7, {"nprobe": 70}), (1, {"nprobe": 70})]
    assert [one["over_fetch"] for one in told["bands"]] == [2, 2, 1, 1]  # of two pictures each, for a hundred
    assert told["reached"]
    for band in told["bands"]:
        points = {point["value"]: point["recall"] for point in band["points"]}
        assert list(points) == sorted(points)
        assert points[band["search_params"]["nprobe"]] == band["recall"] >= 0.95
        assert points[band["search_params"]["nprobe"] - 1] < 0.95
    stored = shop.build(build).index
    assert stored.search_params == build.index.search_params  # as it was started: others begin with that
    assert [(one.share, one.value, one.over_fetch) for one in stored.bands][:2] == [(1.0, 38, 2), (0.5, 67, 2)]
    assert shop.events(build)[-2:] == [TUNING, TUNED]


def test_a_share_that_no_filter_stands_for_any_more_is_left_out_and_told(
    shop: Shop, build: Build, rough: Rough
) -> None:
    tune(shop, build)
    assert shop.step()  # which filters stand for which shares
    shop.pipeline.accepted(a_deletion("p000"))
    shop.pipeline.work()
    shop.work()
    told = shop.build(build).tuned
    assert told is not None
    assert [one["products"] for one in told["bands"]] == [139, 69, 6]
    assert told["left_out"] == [{"share": 0.005, "filter": {"price": {"lte": 0}}, "reason": "no product passes it"}]


def test_what_is_uploaded_meanwhile_changes_nothing(shop: Shop, build: Build, rough: Rough) -> None:
    before = found_of(tuned(shop, build, 0.93))
    p = shop.pipeline
    for number in (0, 1, 2, 80, 81, 82, 83):
        p.accepted(a_patch(f"p{number:03}", changes={"colour": "green"}))
    for number in (3, 4, 84, 85):
        p.accepted(a_submission(f"p{number:03}", "another mug"))
    p.accepted(a_submission("p005", "a mug that cannot be"))
    with p.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("UPDATE uploads SET state = 'dead' WHERE product_id = 'p005' AND version = 2"))
    rough.comes = lambda: comes(p, range(900, 910))
    after = found_of(tuned(shop, build, 0.93))
    assert p.count("products") == PRODUCTS + 10
    for (_, value, recall), (_, as_it_was, found) in zip(after, before, strict=True):
        assert value == pytest.approx(as_it_was, rel=0.1)  # a few rows of a hundred are cut off elsewhere
        assert recall == pytest.approx(found, abs=0.03)


def comes(pipeline: Pipeline, numbers: range) -> None:
    """New products, nearest to what is asked, come into the index."""
    for number in numbers:
        pictures = [a_picture("red", size=(20, 20))]
        held = {"colour": "red", "price": 0}
        pipeline.accepted(a_submission(f"n{number}", f"mug {number % 100}", attributes=held, pictures=pictures))
    pipeline.work()


def found_of(told: dict[str, Any]) -> list[tuple[float, int, float]]:
    """The shares without a filter and with that which half pass: of few products each is much."""
    return [(one["share"], one["search_params"]["nprobe"], one["recall"]) for one in told["bands"][:2]]


def test_a_catalog_that_is_uploaded_again_is_measured_once_it_is_there(
    shop: Shop, build: Build, rough: Rough
) -> None:
    for number in range(80):
        shop.pipeline.accepted(a_patch(f"p{number:03}", changes={"in_stock": True}))
    tune(shop, build)
    for _ in range(9):
        shop.wait()
        assert shop.step()
    assert not rough.asked
    assert waiting(shop, build) == "in_flight"
    shop.pipeline.work()
    shop.wait()
    shop.work()
    assert shop.events(build)[-1] == TUNED


def test_a_band_of_which_most_is_new_is_measured_later(shop: Shop, build: Build, rough: Rough) -> None:
    tune(shop, build)
    assert shop.step()
    rough.comes = lambda: comes(shop.pipeline, range(800, 999))
    assert shop.step()
    assert waiting(shop, build) == "in_flight"
    shop.wait()
    shop.work()
    told = shop.build(build).tuned
    assert told is not None
    assert told["bands"][0]["products"] == PRODUCTS + 199


def test_a_filter_that_passes_mostly_what_comes_in_holds_nothing_up(shop: Shop, build: Build, rough: Rough) -> None:
    tune(shop, build)
    assert shop.step()
    for number in range(1, 7):  # of the seven cheapest
        shop.pipeline.accepted(a_patch(f"p{number:03}", changes={"in_stock": True}))
    shop.work()
    told = shop.build(build).tuned
    assert told is not None
    assert [one["products"] for one in told["bands"]] == [PRODUCTS - 6, 64, 1]
    (left_out,) = told["left_out"]
    assert left_out["share"] == 0.05
    assert left_out["filter"] == {"price": {"lte": 6}}
    assert left_out["reason"] == "most that passes it is on its way into the index"


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_band_that_cannot_be_measured_now_keeps_what_was_found_before(
    shop: Shop, build: Build, rough: Rough, dry_run: bool
) -> None:
    twentieth = tuned(shop, build)["bands"][2]
    before = shop.build(build).index.bands
    rough.whole, rough.filtered = 20, 30  # what is measured anew needs less
    tune(shop, build, dry_run=dry_run)
    assert shop.step()
    for number in range(1, 7):  # of the seven cheapest
        shop.pipeline.accepted(a_patch(f"p{number:03}", changes={"in_stock": True}))
    shop.work()
    told = last_told(shop, build)
    taken = {name: twentieth[name] for name in ("search_params", "over_fetch")}
    (kept,) = (one for one in told["changes"] if "kept" in one)
    assert kept == {"share": 0.05, "before": taken, "now": taken, "kept": True}
    after = shop.build(build).index.bands
    if dry_run:
        assert after == before
        return
    assert after[0].value < before[0].value
    assert next(one for one in after if one.share == 0.05) == before[2]
    assert shop.build(build).searched(filtered=True)[0].search_params == twentieth["search_params"]


def last_told(shop: Shop, build: Build) -> dict[str, Any]:
    with shop.pipeline.database.reading() as transaction:
        return dict(transaction.builds.events(build.id)[-1].told)


def waiting(shop: Shop, build: Build) -> str | None:
    with shop.pipeline.database.reading() as transaction:
        failure = transaction.build_steps.waiting(build.id)
    return failure.code if failure else None


def test_all_bands_are_answered_in_one_pass_and_by_another_worker_in_another(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[str] = []
    rows = exact_answers.stored_rows
    monkeypatch.setattr(exact_answers, "stored_rows", lambda *named: (passes.append("one"), rows(*named))[1])
    found = tuned(shop, build)
    assert len(found["bands"]) == 4
    assert len(passes) == 1
    tune(shop, build)
    assert all(shop.step() for _ in range(3))
    assert len(passes) == 2
    other = Shop(shop.pipeline, page=100)
    other.work()
    assert len(passes) == 3
    assert found_of(dict(shop.build(build).tuned or {})) == found_of(found)
    monkeypatch.setattr(exact_answers, "_FRESH_S", -1)
    tuned(shop, build)
    assert len(passes) == 7


def test_a_small_catalog_keeps_its_value_and_a_grown_one_gets_less(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    rough.whole = rough.filtered = 5  # as if all were compared, whatever is asked for
    told = tuned(shop, build)
    assert {one["search_params"]["nprobe"] for one in told["bands"]} == {16}
    assert all("fewer than 10,000 rows" in one["reason"] for one in told["bands"])
    monkeypatch.setattr(tune_bands, "GROWN", PRODUCTS)
    told = tuned(shop, build)
    assert {one["search_params"]["nprobe"] for one in told["bands"]} == {5}
    assert not any("reason" in one for one in told["bands"])


@pytest.mark.parametrize(
    ("index", "started"),
    [("IVF_FLAT", {"nprobe": 8}), ("IVF_FLAT", {"nprobe": 40}), ("HNSW", {"ef": 64}), ("HNSW", {"ef": 300})],
)
def test_a_small_catalog_keeps_what_its_build_was_started_with(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, index: str, started: dict[str, int]
) -> None:
    rough = Rough(shop.pipeline.store, monkeypatch)
    rough.whole = rough.filtered = 5  # as if all were compared, whatever is asked for
    told = tuned(shop, with_lists(shop, index, **started))
    (value,) = started.values()
    for band in told["bands"]:
        assert band["search_params"] == started
        assert value in {point["value"] for point in band["points"]}
        assert "it stays at what the build was started with" in band["reason"]


def test_a_store_is_asked_a_few_queries_at_a_time_and_uploads_go_first(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_vectors, "QUERIES", 20)
    monkeypatch.setattr(measure_searches, "_AT_ONCE", 7)
    tune(shop, build)
    assert shop.step()
    paused: list[int] = []

    def pause() -> bool:
        paused.append(len(rough.queries))
        return False

    assert shop.step(pause=pause)
    assert max(rough.queries) == 7
    several = {place for place, queries in enumerate(rough.queries) if queries > 1}
    assert len(several) > 10
    assert several <= set(paused)  # before each


def test_the_next_query_searches_with_what_is_stored(shop: Shop, build: Build, rough: Rough) -> None:
    def asked(**stated: Any) -> set[tuple[int, int]]:
        rough.asked.clear()
        shop.pipeline.search(SearchQuery(text="mug 7", **stated))
        return {(limit, index.search_params["nprobe"]) for _, limit, index, _ in rough.asked}

    assert asked() == {(100, 16), (200, 16)}
    tuned(shop, build)
    assert asked() == {(100, 38), (200, 38)}
    assert {value for _, value in asked(filter={"colour": "red"})} == {70}  # what the strictest filter needs


def test_a_target_out_of_reach_is_told_with_the_cheapest_of_the_best(shop: Shop, build: Build, rough: Rough) -> None:
    rough.filtered = 1_000  # of 128 lists
    whole, half, *_ = tuned(shop, build, 0.9)["bands"]
    assert (whole["reached"], half["reached"]) == (True, False)
    assert half["search_params"] == {"nprobe": 128}
    assert half["recall"] == max(point["recall"] for point in half["points"])
    assert shop.build(build).tuned["reached"] is False  # type: ignore[index]
    searched, over_fetch = shop.build(build).searched(filtered=True)
    assert (searched.search_params, over_fetch) == ({"nprobe": 128}, 2)


def test_a_worker_that_was_killed_costs_the_part_it_was_at_and_nothing_stays_of_it(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shop.pipeline.store
    tune(shop, build, compare=("HNSW", "FLAT"))
    assert shop.step()  # what is to be measured
    with monkeypatch.context() as patched:
        patched.setattr(store, "drop", lambda _: None)
        patched.setattr(store, "seal", dies_at(0, store.seal))
        with pytest.raises(KeyboardInterrupt):
            shop.step()
    assert build.trials["HNSW"] in store._collections
    assert not shop.step()  # the dead one's lease
    for looks in (0, 1, 2, 3):  # in the middle of every other part
        with monkeypatch.context() as patched:
            patched.setattr(store, "search", dies_at(looks * 40, store.search))
            with pytest.raises(KeyboardInterrupt):
                shop.wait()
                shop.work()
        assert shop.build(build).tuned is None
    shop.wait()
    shop.work()
    told = shop.build(build).tuned
    assert told is not None
    assert [band["share"] for band in told["bands"]] == [1.0, 0.5, 0.05, 0.007143]
    assert [one["index"] for one in told["compared"]] == ["HNSW", "FLAT"]
    assert shop.events(build).count(TUNED) == 1
    assert not store._collections.keys() & set(build.trials.values())


def test_a_turn_ends_between_two_parts(shop: Shop, build: Build, rough: Rough) -> None:
    tune(shop, build, compare=("FLAT",))
    steps = 0
    while shop.step(pause=lambda: True):
        steps += 1
    assert steps == 6  # what is to be measured; a type; no filter, and three
    assert shop.build(build).tuned is not None


def test_what_a_store_is_still_indexing_is_waited_for(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[str] = []
    tune(shop, build)
    monkeypatch.setattr(shop.pipeline.store, "seal", sealed.append)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "unindexed", lambda _: 1)
        for _ in range(9):
            shop.wait()
            assert shop.step()
    assert sorted(sealed) == [build.images, build.texts]
    assert not rough.asked
    shop.wait()
    shop.work()
    assert shop.events(build)[-1] == TUNED


def test_a_worker_whose_lease_ended_writes_nothing(shop: Shop, build: Build, rough: Rough) -> None:
    tune(shop, build)
    asked = 0

    def pause() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            shop.wait()
            shop.work()  # another takes it, and ends all of it
        return False

    assert shop.step()
    assert shop.step(pause=pause)
    assert not shop.step()
    assert shop.events(build).count(TUNED) == 1


def test_a_defect_ends_in_an_event_and_the_build_stays(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(shop, build)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "count", _fails)
        for _ in range(9):
            shop.wait()
            shop.step()
    assert shop.events(build)[-2:] == [TUNING, NOT_TUNED]
    assert shop.state(build) is BuildState.LIVE
    assert tuned(shop, build)["reached"]


def _fails(*_: Any) -> Any:
    raise ValueError("a defect")


def test_an_outage_is_waited_for(shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(shop, build)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "count", _is_away)
        for _ in range(20):
            shop.wait()
            assert shop.step()
    shop.wait()
    shop.work()
    assert shop.events(build)[-2:] == [TUNING, TUNED]


def _is_away(*_: Any) -> Any:
    raise StoreUnavailable("away")


def test_what_looks_at_every_row_has_nothing_to_tune(shop: Shop) -> None:
    live = shop.pipeline.live()
    told = tuned(shop, live)
    assert (told["bands"], told["reached"]) == ([], True)
    assert "FLAT" in told["nothing"]
    assert shop.build(live).index == live.index


def test_a_catalog_without_products_has_nothing_to_ask_with(pipeline: Pipeline) -> None:
    shop = stocked(pipeline, 0)
    told = tuned(shop, with_lists(shop))
    assert "no products" in told["nothing"]
    assert told["reached"] is False


def test_index_types_are_compared_side_by_side_and_nothing_of_them_stays(
    shop: Shop, build: Build, rough: Rough
) -> None:
    compared = tuned(shop, build, compare=("IVF_FLAT", "FLAT", "IVF_PQ"))["compared"]
    lists, flat, unknown = compared
    assert (lists["index"], lists["rows"], lists["search_params"]) == ("IVF_FLAT", PRODUCTS, {"nprobe": 38})
    assert (lists["reached"], lists["recall"]) == (True, 0.95)
    assert lists["bytes"] == index_bytes(IndexSpec.of("IVF_FLAT"), rows=PRODUCTS, dimension=64)
    assert (flat["search_params"], flat["recall"], flat["reached"]) == ({}, 1.0, True)
    assert (unknown["index"], unknown["passed_over"]) == ("IVF_PQ", "not an index type")
    assert rough.created == [build.trials["IVF_FLAT"], build.trials["FLAT"]]
    assert not shop.pipeline.store._collections.keys() & set(build.trials.values())


def test_a_comparison_takes_the_time_of_the_store_and_not_of_uploads_meanwhile(
    shop: Shop, build: Build, rough: Rough, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shop.pipeline.store
    tune(shop, build, compare=("FLAT",))
    assert shop.step()
    monkeypatch.setattr(compare_indexes, "_LOOK_AGAIN_S", 0.01)
    monkeypatch.setattr(compare_indexes, "_HOLD_EVERY_S", 0.1)
    until = time.monotonic() + 3_600
    paused: list[float] = []

    def seal(_: str) -> None:
        nonlocal until
        until = time.monotonic() + 1.2

    def pause() -> bool:
        if store.count(build.trials["FLAT"]) == PRODUCTS and until < time.monotonic() + 3_600 and not rough.asked:
            paused.append(time.monotonic())
            time.sleep(0.2)
        return False

    monkeypatch.setattr(store, "seal", seal)
    monkeypatch.setattr(store, "unindexed", lambda _: int(time.monotonic() < until))
    rough.takes = 0.005
    assert shop.step(pause=pause)
    rough.takes = 0.0
    shop.work()
    told = shop.build(build).tuned
    assert told is not None
    (flat,) = told["compared"]
    assert 2 <= len(paused) <= 5  # a tenth of a second, and twice as long for uploads
    assert 0.2 < flat["build_seconds"] < 0.9
    assert 5 <= flat["ms"] < 500


def test_a_build_that_is_started_later_begins_as_the_first_did(shop: Shop, build: Build, rough: Rough) -> None:
    tuned(shop, build)
    later = shop.start()
    assert later.index == build.index
    assert shop.build(later).index == build.index


def test_what_cannot_be_tuned_is_refused(shop: Shop, build: Build) -> None:
    with pytest.raises(NotFound):
        start_tuning(shop.pipeline.database, shop.pipeline.jobs, "shop", "none", Tuning(0.9))
    with pytest.raises(Invalid, match="NONE"):
        tune(shop, build, compare=("NONE",))
    with pytest.raises(Conflict, match="building"):
        tune(shop, shop.start())
    tune(shop, build)
    with pytest.raises(Conflict, match="already"):
        tune(shop, build)


def test_a_build_that_ends_is_not_tuned_and_its_trials_go_with_it(shop: Shop, build: Build) -> None:
    first = next(one for one in all_builds(shop) if one.state is BuildState.RETIRED)
    tune(shop, first)
    retire(shop.pipeline.database, "shop", first.id)
    shop.pipeline.store.create(first.trials["HNSW"], dimension=64, index=IndexSpec.of("HNSW"))
    shop.wait()
    shop.work()
    assert shop.build(first).tuned is None
    assert not shop.pipeline.store._collections.keys() & {first.texts, first.images, *first.trials.values()}


def all_builds(shop: Shop) -> list[Build]:
    with shop.pipeline.database.reading() as transaction:
        return transaction.builds.all("shop")
