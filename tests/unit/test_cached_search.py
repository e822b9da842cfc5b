"""Answers that are kept: found again, never older than what was accepted, made once, and only where they last."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from app.adapters.memory_cache import MemoryCache
from app.domain.answers import SearchResult
from app.domain.bands import Band
from app.domain.errors import NotFound, StoreUnavailable
from app.domain.search import Fusion, Leg, SearchQuery
from app.services import cached_search
from app.services.cached_search import Answer, CachedSearch
from app.services.search_legs import Legs
from tests.building import Shop
from tests.factories import a_deletion, a_patch, a_picture, a_submission
from tests.fakes.outages import UnwellStore
from tests.pipelines import Pipeline

MUG = SearchQuery("a red mug")
SHOPPERS = 8
BUDGET_S = 0.3
PATIENCE_S = 30.0


class Kept:
    """Answers of a shop with two mugs, `plain` without a picture, from a cache; its clock stands still."""

    def __init__(self, pipeline: Pipeline) -> None:
        pipeline.accept(
            a_submission("red", "a red mug", pictures=[a_picture("red")], attributes={"price": 1, "colour": "red"}),
            a_submission("plain", "a plain mug", attributes={"price": 2}),
        )
        pipeline.work()
        self.pipeline, self.store, self.now = pipeline, UnwellStore(pipeline.store), 0.0
        self.searcher = replace(pipeline.searcher, legs=Legs(pipeline.database, self.store, pipeline.pool))
        self.search = CachedSearch(self.searcher, MemoryCache(2**20, clock=lambda: self.now))

    def ask(self, query: SearchQuery = MUG, cursor: str | None = None) -> Answer:
        return self.search.search("shop", query, cursor, written)

    def shown(self, query: SearchQuery = MUG) -> set[str]:
        return set(orjson.loads(self.ask(query).content)["hits"])

    @property
    def searches(self) -> int:
        return len(self.store.asked)


def written(result: SearchResult) -> bytes:
    hits = {hit.product.product_id: hit.product.attributes for hit in result.hits}
    return orjson.dumps({"hits": hits, "total": result.total.value, "degraded": result.degraded})


def counted(by: str) -> float:
    return REGISTRY.get_sample_value("vitrine_answers_total", {"by": by}) or 0.0


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def kept(pipeline: Pipeline) -> Iterator[Kept]:
    kept = Kept(pipeline)
    yield kept
    kept.store.release()


ASKED = [
    SearchQuery(),
    SearchQuery("a blue mug"),
    SearchQuery("a red mug", limit=1),
    SearchQuery("a red mug", filter={"price": {"gte": 2}}),
    SearchQuery("a red mug", filter={"price": {"gte": 1}}),
    SearchQuery("a red mug", facets=("price",)),
    SearchQuery("a red mug", min_score=0.001),
    SearchQuery("a red mug", legs={Leg.TEXT: 1.0}),
    SearchQuery("a red mug", fusion=Fusion.RRF),
    SearchQuery("a red mug", image=a_picture("red")),
    SearchQuery("a red mug", image=a_picture("blue")),
    SearchQuery("a red mug", like="plain"),
    SearchQuery("a red mug", filter={"colour": "green"}),  # nothing
]


@pytest.mark.parametrize("query", ASKED)
def test_an_equal_query_is_answered_from_what_is_kept_and_any_other_is_not(kept: Kept, query: SearchQuery) -> None:
    for other in [MUG, *ASKED]:
        if other is not query:
            kept.ask(other)
    first = kept.ask(query)
    asked, hits = kept.searches, counted("hit")
    again = kept.ask(replace(query))
    assert (first.cached, again.cached, again.content) == (False, True, first.content)
    assert (kept.searches, counted("hit")) == (asked, hits + 1)
    assert set(again.timings_ms) == {"plan", "cache", "total"}


def test_keys_of_a_filter_have_no_order(kept: Kept) -> None:
    kept.ask(SearchQuery("mug", filter={"price": 1, "colour": "red"}))
    assert kept.ask(SearchQuery("mug", filter={"colour": "red", "price": 1})).cached


@pytest.mark.parametrize("query", [replace(MUG, explain=True), SearchQuery(image="http://shop.test/red.jpg")])
def test_what_is_asked_to_be_explained_or_is_behind_a_url_is_never_kept(kept: Kept, query: SearchQuery) -> None:
    kept.pipeline.fetcher.web["http://shop.test/red.jpg"] = a_picture("red")
    assert [kept.ask(query).cached, kept.ask(query).cached] == [False, False]


def test_later_pages_are_not_kept(kept: Kept) -> None:
    first = kept.searcher.search("shop", replace(MUG, limit=1))
    assert first.cursor is not None
    assert not kept.ask(SearchQuery(), first.cursor).cached
    assert not kept.ask(SearchQuery(), first.cursor).cached


def test_an_answer_is_kept_for_five_minutes(kept: Kept) -> None:
    kept.ask()
    kept.now = 299.0
    assert kept.ask().cached
    kept.now = 300.0
    assert not kept.ask().cached


def test_what_is_accepted_is_seen_by_the_next_query(kept: Kept) -> None:
    kept.ask()
    kept.pipeline.accepted(a_patch("red", changes={"price": 3}))
    assert orjson.loads(kept.ask().content)["hits"]["red"]["price"] == 3
    kept.pipeline.accepted(a_deletion("red"))
    assert kept.shown() == {"plain"}


def test_what_becomes_searchable_is_found_by_the_next_query(kept: Kept) -> None:
    kept.pipeline.accepted(a_submission("new", "a red mug", pictures=[a_picture("red")]))
    assert kept.shown() == {"red", "plain"}
    assert kept.ask().cached
    kept.pipeline.work()
    assert kept.shown() == {"red", "plain", "new"}


def test_a_repair_and_a_tuning_are_seen_by_the_next_query(kept: Kept) -> None:
    build, shop = kept.pipeline.live(), Shop(kept.pipeline)
    kept.pipeline.store.delete(build.texts, ["plain"])
    assert kept.shown() == {"red"}
    shop.reconciler.reconcile("shop")
    assert kept.shown() == {"red", "plain"}
    with kept.pipeline.database.writing() as transaction:
        transaction.builds.set_tuned(build.id, replace(build.index, bands=(Band(1.0, 100, 1),)), None)
    assert not kept.ask().cached


def test_what_changes_while_an_answer_is_made_is_not_hidden_by_it(kept: Kept) -> None:
    found, changed = threading.Event(), threading.Event()

    def slowly(result: SearchResult) -> bytes:
        found.set()
        assert changed.wait(PATIENCE_S)
        return written(result)

    with ThreadPoolExecutor(1) as shopper:
        asking = shopper.submit(kept.search.search, "shop", MUG, None, slowly)
        assert found.wait(PATIENCE_S)
        kept.pipeline.accepted(a_submission("new", "a red mug"))
        kept.pipeline.work()
        changed.set()
        assert set(orjson.loads(asking.result().content)["hits"]) == {"red", "plain"}
    assert kept.shown() == {"red", "plain", "new"}


def test_errors_and_degraded_answers_are_not_kept(kept: Kept) -> None:
    with pytest.raises(NotFound):
        kept.ask(SearchQuery(like="later"))
    kept.pipeline.accepted(a_submission("later", "a mug"))
    kept.pipeline.work()
    assert kept.shown(SearchQuery(like="later"))
    kept.store.fail(kept.pipeline.live().images)
    lame = kept.ask()
    assert (lame.cached, orjson.loads(lame.content)["degraded"]) == (False, ["image"])
    kept.store.raising.clear()
    whole = kept.ask()
    assert (whole.cached, orjson.loads(whole.content)["degraded"]) == (False, [])


def test_an_answer_that_lacks_the_words_its_build_never_had_is_kept(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept.store, "search_words", lambda *_, **__: None)
    assert orjson.loads(kept.ask().content)["degraded"] == ["keyword"]
    assert kept.ask().cached


def test_of_equal_queries_at_once_one_is_searched_for(kept: Kept) -> None:
    kept.store.hanging.add(kept.pipeline.live().texts)
    before, waits = kept.pipeline.encoder.encoded_texts, counted("wait")
    with ThreadPoolExecutor(SHOPPERS) as shoppers:
        asking = [shoppers.submit(kept.ask) for _ in range(SHOPPERS)]
        until(lambda: bool(kept.searches))
        kept.store.release()
        answers = [one.result() for one in asking]
    assert kept.pipeline.encoder.encoded_texts == before + 1
    assert len({one.content for one in answers}) == 1
    assert sorted(one.cached for one in answers) == [False] + [True] * (SHOPPERS - 1)
    assert counted("wait") > waits


def waiting(kept: Kept, write: Callable[[SearchResult], bytes]) -> list[Any]:
    """What becomes of one who makes an answer so and of another who waits for it; a third asks something else."""
    with ThreadPoolExecutor(2) as shoppers:
        first = shoppers.submit(kept.search.search, "shop", MUG, None, write)
        until(lambda: bool(kept.search._flights._under_way))
        second = shoppers.submit(kept.ask)
        return [second.exception(PATIENCE_S), first]


def test_an_answer_that_fails_fails_for_all_who_wait_and_is_made_anew(kept: Kept) -> None:
    joined = threading.Event()

    def failing(_: SearchResult) -> bytes:
        joined.wait(1.0)
        raise StoreUnavailable("it went away")

    failure, first = waiting(kept, failing)
    assert isinstance(failure, StoreUnavailable)
    assert first.exception(PATIENCE_S) is failure
    assert not kept.ask().cached


def test_who_waits_gets_the_answer_that_lacks_what_was_late(kept: Kept) -> None:
    """Legs take all of their budget, and who made the answer began to encode a moment before."""
    kept.search = CachedSearch(replace(kept.searcher, budget_s=BUDGET_S), MemoryCache(2**20))
    joined = threading.Event()

    def late(result: SearchResult) -> bytes:
        assert joined.wait(PATIENCE_S)
        time.sleep(1.3 * BUDGET_S)
        return written(result)

    with ThreadPoolExecutor(2) as shoppers:
        first = shoppers.submit(kept.search.search, "shop", MUG, None, late)
        until(lambda: bool(kept.search._flights._under_way))
        second = shoppers.submit(kept.ask)
        joined.set()
        assert first.result().content == second.result().content


def test_nobody_waits_for_another_longer_than_for_a_search(kept: Kept) -> None:
    kept.search = CachedSearch(replace(kept.searcher, budget_s=BUDGET_S), MemoryCache(2**20))
    ended = threading.Event()

    def endless(result: SearchResult) -> bytes:
        assert ended.wait(PATIENCE_S)
        return written(result)

    begun = time.monotonic()
    with ThreadPoolExecutor(1) as shopper:
        first = shopper.submit(kept.search.search, "shop", MUG, None, endless)
        until(lambda: bool(kept.search._flights._under_way))
        with pytest.raises(StoreUnavailable, match="an equal query"):
            kept.ask()
        assert 2 * BUDGET_S <= time.monotonic() - begun < PATIENCE_S / 2
        ended.set()
        assert not first.result().cached
    assert kept.ask().cached


def test_queries_that_are_answered_from_what_is_kept_are_recorded_too(kept: Kept) -> None:
    for _ in range(3):
        kept.ask()
    kept.searcher.recorder.write()
    with kept.pipeline.database.reading() as transaction:
        (recorded,) = transaction.queries.recorded("shop", most=10, hits=20)
    assert recorded.asked == 3


def test_releases_that_answer_otherwise_share_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.ask()
    monkeypatch.setattr(cached_search, "FORMAT", 0)
    assert not kept.ask().cached
