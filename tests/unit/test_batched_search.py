"""Searches that come at once go together, each with its own answer; none waits for company."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import BadVector, StoreUnavailable
from app.domain.filters import Filter, parse_filter
from app.domain.products import AttributeType
from app.ports.vectors import Among, Neighbour
from app.services import batched_search
from app.services.batched_search import AT_ONCE, MOST_ROWS, MOST_VECTORS, BatchedSearch
from app.services.search_breaker import FAILURES, BreakerState, SearchBreaker

FLAT = IndexSpec.of("FLAT")
SOON_S = 0.05
RED, BLUE = (parse_filter({"colour": colour}, {"colour": AttributeType.KEYWORD}) for colour in ("red", "blue"))


class Store:
    """Finds for each vector the row of its first number, as soon as it is let; notes what is asked together."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Any]] = []
        self.timeouts: list[float | None] = []
        self.under_way = self.most = 0
        self.let = threading.Semaphore(0)
        self.failure: BaseException | None = None
        self._lock = threading.Lock()

    def search(
        self, _: str, queries: Vectors, *, limit: int, where: Filter | Among | None, timeout: float | None, **__: Any
    ) -> list[list[Neighbour]]:
        with self._lock:
            self.calls.append((len(queries), (limit, where)))
            self.timeouts.append(timeout)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.let.acquire(timeout=30)
        with self._lock:
            self.under_way -= 1
        if self.failure is not None:
            raise self.failure
        return [[Neighbour(f"{query[0]:g}", "p", float(limit))] for query in queries]

    def search_words(self, *_: Any, **__: Any) -> list[Neighbour] | None:
        return [Neighbour("words", "p", 1.0)]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(batched_search, "PATIENCE_S", 30.0)  # who waits goes when there is a place, and not before
    return Store()


@pytest.fixture
def hurried(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(batched_search, "PATIENCE_S", SOON_S)
    return store


@pytest.fixture
def pool(store: Store) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as threads:
        yield threads
        store.let.release(1_000)


class Shoppers:
    """Ask in threads of their own."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor) -> None:
        self.store, self.search, self._pool = store, BatchedSearch(store), pool  # type: ignore[arg-type]

    def ask(self, first: float, *, count: int = 1, limit: int = 5, **named: Any) -> Future[list[list[Neighbour]]]:
        queries = np.array([[first + place, 0] for place in range(count)], dtype=np.float32)
        return self._pool.submit(self.search.search, "c", queries, limit=limit, index=FLAT, **named)

    def occupy(self) -> list[Future[list[list[Neighbour]]]]:
        """Let as many searches be under way as may be at once."""
        asked = [self.ask(-1 - number) for number in range(AT_ONCE)]
        until(lambda: self.store.under_way == AT_ONCE)
        return asked

    def waiting(self) -> int:
        return sum(len(line.waiting) for line in self.search._lines.values())


@pytest.fixture
def shoppers(store: Store, pool: ThreadPoolExecutor) -> Shoppers:
    return Shoppers(store, pool)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def ids(future: Future[list[list[Neighbour]]]) -> list[list[str]]:
    return [[row.id for row in answer] for answer in future.result(30)]


def test_who_comes_alone_goes_at_once(shoppers: Shoppers, store: Store) -> None:
    store.let.release()
    assert ids(shoppers.ask(7)) == [["7"]]
    assert shoppers.search._lines == {}


def test_those_who_come_meanwhile_go_together_and_each_gets_its_own(shoppers: Shoppers, store: Store) -> None:
    first = shoppers.occupy()
    later = [shoppers.ask(10 * number, count=1 + number % 3) for number in range(1, 21)]
    until(lambda: shoppers.waiting() == 20)
    store.let.release(AT_ONCE + 1)
    for number, future in enumerate(later, start=1):
        assert ids(future) == [[f"{10 * number + place}"] for place in range(1 + number % 3)]
    assert [ids(future) for future in first] == [[[f"{-1 - number}"]] for number in range(AT_ONCE)]
    assert [count for count, _ in store.calls] == [*[1] * AT_ONCE, sum(1 + number % 3 for number in range(1, 21))]
    assert shoppers.search._lines == {}


def test_what_differs_in_more_than_its_vectors_does_not_go_together(shoppers: Shoppers, store: Store) -> None:
    shoppers.occupy()
    kinds: list[dict[str, Any]] = [{}, {"limit": 6}, {"where": RED}, {"where": BLUE}]
    asked = [shoppers.ask(number, **kind) for number, kind in enumerate(4 * kinds)]
    until(lambda: len(store.calls) == AT_ONCE + 3 * min(AT_ONCE, 4))
    store.let.release(1_000)
    assert [ids(future) for future in asked] == [[[f"{number}"]] for number in range(16)]
    for count, (limit, where) in store.calls:
        assert count <= 4
        assert (limit, where) in {(5, None), (6, None), (5, RED), (5, BLUE)}
    assert [future.result()[0][0].score for future in asked] == 4 * [5.0, 6.0, 5.0, 5.0]


def test_no_more_than_so_many_are_under_way_and_none_is_too_large(shoppers: Shoppers, store: Store) -> None:
    shoppers.occupy()
    asked = [shoppers.ask(number, count=100) for number in range(6)]
    until(lambda: shoppers.waiting() == 6)
    store.let.release(1_000)
    assert [len(ids(future)) for future in asked] == [100] * 6
    assert store.most == AT_ONCE
    assert max(count for count, _ in store.calls) == MOST_VECTORS // 100 * 100


def test_deep_searches_go_together_as_far_as_an_answer_reaches(shoppers: Shoppers, store: Store) -> None:
    limit = MOST_ROWS // 3
    first = [shoppers.ask(number, limit=limit) for number in range(AT_ONCE)]
    until(lambda: store.under_way == AT_ONCE)
    asked = [shoppers.ask(number, limit=limit) for number in range(7)]
    until(lambda: shoppers.waiting() == 7)
    store.let.release(1_000)
    assert [ids(future) for future in asked] == [[[f"{number}"]] for number in range(7)]
    assert [len(ids(future)) for future in first] == [1] * AT_ONCE
    assert sorted(count for count, _ in store.calls) == [*[1] * (AT_ONCE + 1), 3, 3]


def test_few_products_are_each_compared_for_one_query(shoppers: Shoppers, store: Store) -> None:
    among = [shoppers.ask(number, where=Among(["a", "b"])) for number in range(5)]
    until(lambda: len(store.calls) == 5)
    store.let.release(5)
    assert [ids(future) for future in among] == [[[f"{number}"]] for number in range(5)]


def test_a_failure_is_that_of_all_who_went_together_and_the_next_go_again(shoppers: Shoppers, store: Store) -> None:
    first = shoppers.occupy()
    later = [shoppers.ask(number) for number in range(5)]
    until(lambda: shoppers.waiting() == 5)
    store.failure = StoreUnavailable("it is away")
    store.let.release(AT_ONCE + 1)
    for future in [*first, *later]:
        with pytest.raises(StoreUnavailable, match="it is away"):
            future.result(30)
    store.failure = None
    store.let.release()
    assert ids(shoppers.ask(3)) == [["3"]]


def test_what_is_wrong_with_one_is_told_to_that_one_alone(shoppers: Shoppers, store: Store) -> None:
    search = store.search

    def strict(name: str, queries: Vectors, **named: Any) -> list[list[Neighbour]]:
        found = search(name, queries, **named)
        if np.isnan(queries).any():
            raise BadVector("not a number")
        return found

    store.search = strict  # type: ignore[method-assign]
    shoppers.occupy()
    asked = [shoppers.ask(first) for first in (1, float("nan"), 3)]
    until(lambda: shoppers.waiting() == 3)
    store.let.release(1_000)
    assert (ids(asked[0]), ids(asked[2])) == ([["1"]], [["3"]])
    with pytest.raises(BadVector):
        asked[1].result(30)


def test_who_finds_no_place_soon_goes_all_the_same_with_those_who_wait(shoppers: Shoppers, hurried: Store) -> None:
    first = shoppers.occupy()
    later = [shoppers.ask(number) for number in range(4)]
    until(lambda: hurried.under_way > AT_ONCE and shoppers.waiting() == 0)
    hurried.let.release(1_000)
    assert [ids(future) for future in later] == [[[f"{number}"]] for number in range(4)]
    assert [ids(future) for future in first] == [[[f"{-1 - number}"]] for number in range(AT_ONCE)]
    assert shoppers.search._lines == {}


def test_a_call_that_hangs_loses_its_place_to_who_waited_for_it(
    shoppers: Shoppers, hurried: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = shoppers.occupy()
    well = Store()
    well.let.release(100)
    hurried.search = well.search  # type: ignore[method-assign]
    for number in range(AT_ONCE):
        assert ids(shoppers.ask(number)) == [[f"{number}"]]
    monkeypatch.setattr(batched_search, "PATIENCE_S", 60.0)  # longer than an answer is waited for here
    assert [ids(shoppers.ask(number)) for number in range(5)] == [[[f"{number}"]] for number in range(5)]
    hurried.let.release(100)
    assert [ids(future) for future in hanging] == [[[f"{-1 - number}"]] for number in range(AT_ONCE)]
    assert shoppers.search._lines == {}


def test_calls_that_hang_hide_neither_a_store_that_fails_nor_one_that_is_well_again(
    store: Store, hurried: Store, pool: ThreadPoolExecutor
) -> None:
    now = 1_000.0
    breaker = SearchBreaker(store, clock=lambda: now)  # type: ignore[arg-type]
    shoppers = Shoppers(store, pool)
    shoppers.search = BatchedSearch(breaker)
    hanging = shoppers.occupy()
    for number in range(FAILURES):
        shoppers.ask(number, timeout=1.0)
        until(lambda: shoppers.waiting() == 0 and store.under_way > AT_ONCE)
    now += 2.0
    assert breaker.state is BreakerState.OPEN
    now += 60.0
    well = Store()
    well.let.release(10)
    store.search = well.search  # type: ignore[method-assign]
    assert ids(shoppers.ask(5, timeout=1.0)) == [["5"]]
    assert breaker.state is BreakerState.CLOSED
    assert not any(future.done() for future in hanging)


def test_who_was_taken_along_waits_no_longer_than_it_may(shoppers: Shoppers, store: Store) -> None:
    shoppers.occupy()
    patient = shoppers.ask(2, timeout=30.0)
    until(lambda: shoppers.waiting() == 1)
    impatient = shoppers.ask(1, timeout=2.0)
    until(lambda: shoppers.waiting() == 2)
    store.let.release(1)
    until(lambda: store.under_way == AT_ONCE and len(store.calls) == AT_ONCE + 1)
    assert store.calls[-1][0] == 2
    with pytest.raises(StoreUnavailable):
        impatient.result(30)
    store.let.release(1_000)
    assert ids(patient) == [["2"]]


def test_a_batch_takes_as_long_as_its_most_patient_waits(shoppers: Shoppers, store: Store) -> None:
    shoppers.occupy()
    asked = [shoppers.ask(number, timeout=timeout) for number, timeout in enumerate((5.0, 25.0, 10.0))]
    until(lambda: shoppers.waiting() == 3)
    store.let.release(AT_ONCE + 1)
    assert [ids(future) for future in asked] == [[["0"]], [["1"]], [["2"]]]
    assert store.timeouts[-1] == pytest.approx(25, abs=5)


def test_nobody_is_lost_while_many_come_and_some_go(
    shoppers: Shoppers, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience and time-outs about as long as the searches, so that some end just when they are told to lead."""
    monkeypatch.setattr(batched_search, "PATIENCE_S", 0.003)
    store.let.release(100_000)
    search = store.search
    store.search = lambda *a, **n: (time.sleep(0.002), search(*a, **n))[1]  # type: ignore[method-assign]
    asked = [shoppers.ask(number, timeout=0.001 * (1 + number % 7)) for number in range(1_500)]
    answered = 0
    for number, future in enumerate(asked):
        try:
            assert ids(future) == [[f"{number}"]]
            answered += 1
        except StoreUnavailable:
            pass
    assert answered > 100
    assert shoppers.search._lines == {}
