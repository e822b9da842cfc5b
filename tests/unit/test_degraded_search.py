"""A search goes without a leg that fails or is late, and says so; without any it fails."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from app.domain.answers import SearchResult
from app.domain.errors import EncoderNotFound, Invalid, StoreUnavailable
from app.domain.search import Leg, SearchQuery
from app.services.encoders import Encoders
from app.services.search import Searcher
from app.services.search_breaker import FAILURES, PAUSE_S, BreakerState, SearchBreaker
from app.services.search_legs import Legs
from tests.factories import a_picture, a_submission
from tests.fakes.encoders import FakeLoader
from tests.fakes.outages import UnwellStore
from tests.pipelines import Pipeline

MUG = SearchQuery("a red mug")
NO_MUG = replace(MUG, filter={"colour": "no such"})
BUDGET_S = 0.2


@pytest.fixture
def store(pipeline: Pipeline) -> Iterator[UnwellStore]:
    unwell = UnwellStore(pipeline.store)
    yield unwell
    unwell.release()


@pytest.fixture
def searcher(pipeline: Pipeline, store: UnwellStore) -> Searcher:
    """Of a shop with two mugs, `plain` without a picture."""
    pipeline.accept(
        a_submission("red", "a red mug", pictures=[a_picture("red")]),
        a_submission("plain", "a plain mug"),
    )
    pipeline.work()
    return replace(pipeline.searcher, legs=Legs(pipeline.database, store, pipeline.pool))


def found(result: SearchResult) -> set[str]:
    return {hit.product.product_id for hit in result.hits}


def left_out(leg: str, reason: str) -> float:
    return REGISTRY.get_sample_value("vitrine_legs_left_out_total", {"leg": leg, "reason": reason}) or 0.0


@pytest.mark.parametrize(
    ("lost", "legs", "left"), [("images", ["image"], {"red", "plain"}), ("texts", ["text", "keyword"], {"red"})]
)
def test_a_leg_that_fails_is_left_out_and_named(
    searcher: Searcher, store: UnwellStore, pipeline: Pipeline, lost: str, legs: list[str], left: set[str]
) -> None:
    before = [left_out(leg, "failed") for leg in legs]
    store.fail(getattr(pipeline.live(), lost))
    result = searcher.search("shop", MUG)
    assert (found(result), list(result.degraded)) == (left, legs)
    assert [left_out(leg, "failed") - 1 for leg in legs] == before
    store.raising.clear()
    assert list(searcher.search("shop", MUG).degraded) == []


def test_a_late_leg_is_left_out_and_named(searcher: Searcher, store: UnwellStore, pipeline: Pipeline) -> None:
    before = left_out("image", "late")
    store.hanging.add(pipeline.live().images)
    result = replace(searcher, budget_s=BUDGET_S).search("shop", MUG)
    assert (found(result), list(result.degraded)) == ({"red", "plain"}, ["image"])
    assert result.timings_ms["legs"] >= BUDGET_S * 1e3
    assert left_out("image", "late") == before + 1


def test_without_any_leg_the_search_fails(searcher: Searcher, store: UnwellStore, pipeline: Pipeline) -> None:
    build = pipeline.live()
    store.fail(build.texts)
    with pytest.raises(StoreUnavailable, match="away"):
        searcher.search("shop", replace(MUG, legs={Leg.TEXT: 1.0}))
    store.raising.clear()
    store.hanging |= {build.texts, build.images}
    with pytest.raises(StoreUnavailable, match="within"):
        replace(searcher, budget_s=BUDGET_S).search("shop", MUG)


@pytest.mark.parametrize("mistake", [Invalid("ours"), RuntimeError("ours")])
def test_a_mistake_of_ours_is_no_outage(
    searcher: Searcher, store: UnwellStore, pipeline: Pipeline, mistake: Exception
) -> None:
    store.raising[pipeline.live().images] = mistake
    with pytest.raises(type(mistake), match="ours"):
        searcher.search("shop", MUG)


def test_what_compares_builds_goes_without_no_leg(searcher: Searcher, store: UnwellStore, pipeline: Pipeline) -> None:
    store.fail(pipeline.live().images)
    plan = searcher.plan("shop", MUG)
    with pytest.raises(StoreUnavailable):
        searcher.legs.search(plan, MUG, searcher.encoder.vectors(plan.build, MUG))
    assert {timeout for _, timeout in store.asked} == {None}


def test_a_call_of_the_store_gets_what_the_budget_has_left(searcher: Searcher, store: UnwellStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        replace(searcher, legs=Legs(searcher.database, store, pool), budget_s=20.0).search("shop", MUG)
    given = [timeout or 0.0 for _, timeout in store.asked]
    assert 20.0 >= given[0] > given[1] > given[2] > 0  # one leg after the other


def test_a_product_is_asked_by_though_no_encoder_can_be_had(searcher: Searcher) -> None:
    none = replace(searcher.encoder, encoders=Encoders(FakeLoader(), configured="fake"))
    without = replace(searcher, encoder=none)
    assert found(without.search("shop", SearchQuery(like="red"))) == {"plain"}
    with pytest.raises(EncoderNotFound):
        without.search("shop", MUG)


def test_legs_that_find_no_thread_in_time_are_never_begun(
    searcher: Searcher, store: UnwellStore, pipeline: Pipeline
) -> None:
    """Stuck legs hold every thread; searches meanwhile fail in their time, and leave nothing behind them."""
    build, hurried = pipeline.live(), replace(searcher, budget_s=BUDGET_S)
    store.hanging |= {build.images, build.texts}
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            hurried.search("shop", MUG)
    assert {collection for collection, _ in store.asked} == {build.images, build.texts}
    assert len(store.asked) == 2  # a thread each
    store.release()
    assert found(searcher.search("shop", MUG)) == {"red", "plain"}
    assert len(store.asked) == 5


def test_a_filter_that_nothing_passes_asks_no_leg(searcher: Searcher, store: UnwellStore, pipeline: Pipeline) -> None:
    build = pipeline.live()
    store.fail(build.images)
    store.fail(build.texts)
    result = searcher.search("shop", NO_MUG)
    assert (found(result), list(result.degraded), result.total.value) == (set(), [], 0)
    assert store.asked == []


@pytest.fixture
def few_threads(store: UnwellStore) -> Iterator[ThreadPoolExecutor]:
    threads = ThreadPoolExecutor(FAILURES)
    yield threads
    store.release()
    threads.shutdown()


def test_while_stuck_legs_hold_every_thread_searches_are_answered_at_once(
    searcher: Searcher, store: UnwellStore, pipeline: Pipeline, few_threads: ThreadPoolExecutor
) -> None:
    """But one after each pause; it finds no thread either."""
    build, now = pipeline.live(), 1_000.0
    breaker = SearchBreaker(store, clock=lambda: now)
    searcher = replace(searcher, legs=Legs(searcher.database, breaker, few_threads, breaker.enter), budget_s=BUDGET_S)

    def refused(told: str) -> None:
        with pytest.raises(StoreUnavailable, match=told):
            searcher.search("shop", MUG)

    store.hanging |= {build.images, build.texts}
    while len(store.asked) < FAILURES:  # a thread each
        refused("within")
    now += BUDGET_S
    for _ in range(2):
        refused("in a row")
        refused("in a row")
        assert found(searcher.search("shop", NO_MUG)) == set()
        now += PAUSE_S
        refused("within")
    refused("in a row")
    store.release()
    few_threads.shutdown()  # once they have their answers
    assert breaker.state is BreakerState.CLOSED
