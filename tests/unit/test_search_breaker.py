"""The circuit breaker round searches: it opens after failures in a row, and one search finds out whether to close."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest

from app.domain.errors import Invalid, StoreUnavailable, VitrineError
from app.ports.vectors import Among, Neighbour
from app.services.search_breaker import FAILURES, PAUSE_S, WINDOW_S, BreakerState, SearchBreaker
from tests.factories import FLAT

FAIR_S = 2.0
QUERY = np.ones((1, 1), dtype=np.float32)
AWAY = StoreUnavailable("it is away")
LOST = StoreUnavailable("no such collection", code="index_lost")


class Store:
    """Answers, or raises `failure`; a test may wait in between."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked = 0
        self.words: list[Neighbour] | None = []
        self.failure: Exception | None = None
        self.between: Callable[[], object] = lambda: None

    def search(self, *_: Any, **__: Any) -> list[list[Neighbour]]:
        self.asked += 1
        self.between()
        if self.failure is not None:
            raise self.failure
        return [[]]

    def search_words(self, *_: Any, **__: Any) -> list[Neighbour] | None:
        self.search()
        return self.words


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def breaker(store: Store) -> SearchBreaker:
    return SearchBreaker(store, fair_s=FAIR_S, clock=lambda: store.now)


def search(breaker: SearchBreaker, timeout: float = FAIR_S) -> Exception | None:
    try:
        breaker.search("images", QUERY, limit=1, index=FLAT, timeout=timeout)
    except (VitrineError, RuntimeError) as error:
        return error
    return None


def fail(breaker: SearchBreaker, store: Store, times: int = FAILURES) -> None:
    store.failure = AWAY
    for _ in range(times):
        assert search(breaker) is AWAY


def test_after_failures_in_a_row_nobody_waits_for_the_store(breaker: SearchBreaker, store: Store) -> None:
    fail(breaker, store, FAILURES - 1)
    assert breaker.state is BreakerState.CLOSED
    breaker.check()
    fail(breaker, store, 1)
    assert breaker.state is BreakerState.OPEN
    refused = search(breaker)
    assert isinstance(refused, StoreUnavailable)
    assert refused is not AWAY
    assert store.asked == FAILURES
    with pytest.raises(StoreUnavailable):
        breaker.check()


def test_an_answer_between_failures_starts_them_over(breaker: SearchBreaker, store: Store) -> None:
    for _ in range(3):
        fail(breaker, store, FAILURES - 1)
        store.failure = None
        assert search(breaker) is None
    assert breaker.state is BreakerState.CLOSED


def test_failures_far_apart_say_nothing(breaker: SearchBreaker, store: Store) -> None:
    for _ in range(3 * FAILURES):
        fail(breaker, store, 1)
        store.now += WINDOW_S / (FAILURES - 1) + 0.1
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("failure", [Invalid("a caller's own"), RuntimeError("ours"), LOST])
def test_what_is_no_outage_of_the_store_does_not_count(
    breaker: SearchBreaker, store: Store, failure: Exception
) -> None:
    store.failure = failure
    for _ in range(3 * FAILURES):
        assert search(breaker) is failure
    assert breaker.state is BreakerState.CLOSED


def test_a_search_that_had_hardly_any_time_says_nothing(breaker: SearchBreaker, store: Store) -> None:
    store.failure = AWAY
    for _ in range(3 * FAILURES):
        assert search(breaker, timeout=FAIR_S / 2) is AWAY
    assert breaker.state is BreakerState.CLOSED


def test_after_a_pause_exactly_one_of_many_asks_and_its_answer_lets_all_through(
    breaker: SearchBreaker, store: Store
) -> None:
    fail(breaker, store)
    store.now += PAUSE_S
    assert breaker.state is BreakerState.HALF_OPEN
    store.asked, store.failure, answers = 0, None, threading.Event()
    store.between = lambda: answers.wait(30)
    together, refused = threading.Barrier(16), threading.Semaphore(0)

    def searched(_: int) -> Exception | None:
        together.wait(30)
        error = search(breaker)
        if error is not None:
            refused.release()
        return error

    with ThreadPoolExecutor(16) as threads:
        outcomes = threads.map(searched, range(16))
        for _ in range(15):
            assert refused.acquire(timeout=30)  # while the probe still waits
        assert store.asked == 1
        answers.set()
        assert list(outcomes).count(None) == 1
    assert breaker.state is BreakerState.CLOSED
    assert [search(breaker) for _ in range(3)] == [None] * 3


def test_a_probe_that_fails_begins_another_pause(breaker: SearchBreaker, store: Store) -> None:
    fail(breaker, store)
    for _ in range(3):
        store.now += PAUSE_S
        asked = store.asked
        assert search(breaker) is AWAY
        assert breaker.state is BreakerState.OPEN
        store.now += PAUSE_S - 0.1
        assert search(breaker) is not AWAY
        assert store.asked == asked + 1
        store.now += 0.1 - PAUSE_S


def test_a_probe_that_was_asked_wrongly_leaves_it_to_the_next(breaker: SearchBreaker, store: Store) -> None:
    fail(breaker, store)
    store.now += PAUSE_S
    store.failure = Invalid("a caller's own")
    assert search(breaker) is store.failure
    assert breaker.state is BreakerState.HALF_OPEN
    store.failure = None
    assert search(breaker) is None
    assert breaker.state is BreakerState.CLOSED


def test_a_lost_collection_is_an_answer_of_the_store(breaker: SearchBreaker, store: Store) -> None:
    fail(breaker, store)
    store.now += PAUSE_S
    store.failure = LOST
    assert search(breaker) is LOST
    assert breaker.state is BreakerState.CLOSED


def test_a_build_without_words_is_no_answer_of_the_store(breaker: SearchBreaker, store: Store) -> None:
    """Whether it has any is known without asking."""

    def search_words() -> list[Neighbour] | None:
        return breaker.search_words("texts", ["mug"], limit=1, timeout=FAIR_S)

    fail(breaker, store, FAILURES - 1)
    store.failure, store.words = None, None
    assert search_words() is None
    fail(breaker, store, 1)
    assert breaker.state is BreakerState.OPEN
    store.now += PAUSE_S
    store.failure = None
    assert search_words() is None
    assert breaker.state is BreakerState.HALF_OPEN
    store.words = []
    assert search_words() == []
    assert breaker.state is BreakerState.CLOSED


def test_what_selects_nothing_never_gets_to_the_store(breaker: SearchBreaker, store: Store) -> None:
    nothing = Among([])

    def search_nothing() -> None:
        assert breaker.search("images", QUERY, limit=1, index=FLAT, where=nothing, timeout=FAIR_S) == [[]]
        assert breaker.search_words("texts", ["mug"], limit=1, where=nothing, timeout=FAIR_S) == []
        assert breaker.search_words("texts", [], limit=1, timeout=FAIR_S) == []

    fail(breaker, store, FAILURES - 1)
    search_nothing()
    fail(breaker, store, 1)
    assert breaker.state is BreakerState.OPEN
    search_nothing()
    store.now += PAUSE_S
    search_nothing()
    assert breaker.state is BreakerState.HALF_OPEN
    assert store.asked == FAILURES


@contextmanager
def stuck(breaker: SearchBreaker, store: Store, searches: int) -> Iterator[None]:
    """So many searches are under way, and go on for longer than they were given: a driver may wait for a lock."""
    begun, answers = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        begun.release()
        assert answers.wait(30)

    store.failure, store.between = None, hang
    with ThreadPoolExecutor(searches) as threads:
        asked = [threads.submit(search, breaker) for _ in range(searches)]
        try:
            for _ in asked:
                assert begun.acquire(timeout=30)
            store.now += FAIR_S + 0.1
            store.between = lambda: None
            yield
        finally:
            answers.set()
        assert [one.result(30) for one in asked] == [None] * searches


def test_searches_that_never_return_open_it_too(breaker: SearchBreaker, store: Store) -> None:
    with stuck(breaker, store, FAILURES):
        assert isinstance(search(breaker), StoreUnavailable)
        assert store.asked == FAILURES
        assert breaker.state is BreakerState.OPEN
    assert breaker.state is BreakerState.CLOSED  # they were answered after all


def _state(breaker: SearchBreaker) -> None:
    assert breaker.state is BreakerState.OPEN


@pytest.mark.parametrize("look", [_state, SearchBreaker.check, SearchBreaker.enter])
def test_they_are_seen_by_whoever_looks(
    breaker: SearchBreaker, store: Store, look: Callable[[SearchBreaker], None]
) -> None:
    refused = nullcontext() if look is _state else pytest.raises(StoreUnavailable, match="in a row")
    with stuck(breaker, store, FAILURES), refused:
        look(breaker)


def test_a_probe_that_never_returns_leaves_it_to_the_next(breaker: SearchBreaker, store: Store) -> None:
    fail(breaker, store)
    store.now += PAUSE_S
    with stuck(breaker, store, 1):
        assert breaker.state is BreakerState.OPEN
        store.now += PAUSE_S
        assert search(breaker) is None
        assert breaker.state is BreakerState.CLOSED


def test_after_a_pause_one_search_enters_and_another_after_the_next(breaker: SearchBreaker, store: Store) -> None:
    """It may never get as far as the store: calls that are stuck hold threads."""
    breaker.enter()
    fail(breaker, store)
    for _ in range(3):
        store.now += PAUSE_S
        breaker.enter()
        store.now += PAUSE_S - 0.1
        with pytest.raises(StoreUnavailable):
            breaker.enter()
        store.now += 0.1


def test_nobody_enters_beside_a_probe_and_who_asked_wrongly_lets_the_next_enter(
    breaker: SearchBreaker, store: Store
) -> None:
    fail(breaker, store)
    store.now += PAUSE_S
    breaker.enter()
    store.failure = Invalid("a caller's own")
    tried: list[bool] = []

    def try_to_enter() -> None:
        store.now += PAUSE_S
        with pytest.raises(StoreUnavailable):
            breaker.enter()
        tried.append(True)

    store.between = try_to_enter
    assert search(breaker, timeout=2 * PAUSE_S) is store.failure
    assert tried
    store.between = lambda: None
    for _ in range(2):
        breaker.enter()
        assert search(breaker) is store.failure
