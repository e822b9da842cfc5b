"""Searches first: who works on a build rests while searches come."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.builds import BuildState
from app.domain.queries import JudgedQuery
from app.domain.uploads import Stage
from app.services import searches_first, uploads_first
from app.services.keep_queries import judge_queries
from app.services.searches_first import MOST_S, RECENT_S, SearchesFirst
from app.services.turns import Turns
from app.services.uploads_first import UploadsFirst
from tests.building import Shop
from tests.factories import a_picture, a_submission
from tests.pipelines import Pipeline
from tests.tuning import stocked, tune, with_lists


class Clock:
    """Time that only work and sleep take."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def rested(self) -> float:
        """How long was slept since the last time."""
        slept, self.sleeps = sum(self.sleeps), []
        return slept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(searches_first, "time", clock)
    assert time.monotonic() != clock.monotonic()
    return clock


def test_who_works_rests_as_long_as_it_worked_while_searches_come(clock: Clock) -> None:
    searches = SearchesFirst()
    rest = searches.rests()
    for worked in (0.1, 0.03, 0.2):
        clock.now += worked
        searches.note()
        rest()
        assert clock.rested() == pytest.approx(worked)  # and not for having rested


def test_nobody_rests_where_nobody_searches(clock: Clock) -> None:
    searches = SearchesFirst()
    rest = searches.rests()
    clock.now += 0.1
    rest()
    searches.note()
    clock.now += RECENT_S
    rest()
    assert clock.rested() == 0


def test_no_rest_is_long(clock: Clock) -> None:
    searches = SearchesFirst()
    rest = searches.rests()
    clock.now += 60
    searches.note()
    rest()
    assert clock.rested() == MOST_S


def test_what_follows_a_rest_is_no_work_of_its_own(clock: Clock) -> None:
    def following() -> None:
        clock.now += 3

    searches = SearchesFirst()
    rest = searches.rests(following)
    for worked in (0.1, 0.2):
        clock.now += worked
        searches.note()
        rest()
        assert clock.rested() == pytest.approx(worked)


def test_uploads_get_no_time_for_the_rests_of_who_works(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_first, "time", clock)
    searches, got = SearchesFirst(), list[float]()

    def uploads(enough: Callable[[], bool]) -> None:
        began = clock.now
        while not enough():
            clock.now += 0.01
        got.append(clock.now - began)

    pause = UploadsFirst(Turns(), Stage.INDEX, uploads, lambda: False, searches.worked_s)
    rest = searches.rests(pause)
    for _ in range(3):
        clock.now += 1
        searches.note()
        rest()
    assert clock.sleeps == [pytest.approx(1)] * 3
    assert got == [pytest.approx(1, abs=0.02)] * 3


def test_each_thread_is_given_the_time_that_it_worked_itself(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_first, "time", clock)
    got: list[float] = []

    def uploads(enough: Callable[[], bool]) -> None:
        began = clock.now
        while not enough():
            clock.now += 0.01
        got.append(clock.now - began)

    pause = UploadsFirst(Turns(), Stage.INDEX, uploads, lambda: False, SearchesFirst().worked_s)
    clock.now += 2
    another = threading.Thread(target=pause)
    another.start()
    another.join()
    pause()
    assert got == [pytest.approx(0, abs=0.02), pytest.approx(2, abs=0.05)]


class Work:
    """Lets calls take a while in which the shop is searched, and notes how long."""

    def __init__(self, clock: Clock, searches: SearchesFirst, patch: pytest.MonkeyPatch) -> None:
        self.took: list[float] = []
        self._clock, self._searches, self._patch = clock, searches, patch

    def takes(self, some: Any, call: str, seconds: float) -> None:
        before = getattr(some, call)

        def called(*arguments: Any, **named: Any) -> Any:
            self._clock.now += seconds
            self.took.append(seconds)
            self._searches.note()
            return before(*arguments, **named)

        self._patch.setattr(some, call, called)


@pytest.fixture
def work(pipeline: Pipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(clock, pipeline.searches, monkeypatch)


def uploads_take(clock: Clock) -> Callable[[], bool]:
    """A pause in which uploads take a while."""

    def pause() -> bool:
        clock.now += 4
        return False

    return pause


def test_encoding_rests_after_every_batch_of_a_model(pipeline: Pipeline, clock: Clock, work: Work) -> None:
    shop = Shop(pipeline, page=100)
    for number in range(4):
        pictures = [a_picture("red", size=(20 + number, 20 + n)) for n in range(5)]
        pipeline.accepted(a_submission(f"p{number}", f"mug {number}", pictures=pictures))
    pipeline.work()
    build = shop.start()
    work.takes(shop.other, "encode_images", 2.0)
    work.takes(shop.other, "encode_texts", 0.7)
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE, uploads_take(clock))
    assert work.took.count(2.0) >= 4  # of four pictures at most
    assert clock.sleeps == [pytest.approx(seconds) for seconds in work.took]


def test_encoding_words_rests_after_every_batch_of_a_model(pipeline: Pipeline, clock: Clock, work: Work) -> None:
    shop = stocked(pipeline, 4)
    judge_queries(pipeline.database, "shop", [JudgedQuery(f"a mug of {n}", {"p000": 1}) for n in range(9)])
    build = shop.start()
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    assert shop.step()  # hands the words over
    for encoder in (shop.other, pipeline.encoder):
        work.takes(encoder, "encode_texts", 0.7)
    while shop.step(Stage.ENCODE, uploads_take(clock)):
        pass
    assert len(work.took) == 10  # two words at a time
    assert clock.sleeps == [pytest.approx(seconds) for seconds in work.took]


def test_checking_rests_as_long_as_it_works(
    pipeline: Pipeline, clock: Clock, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.check_build._EVERY_S", 0.0)
    monkeypatch.setattr("app.services.gate.median_ms", lambda *_: (1.0, 1.0))  # which is measured without a rest
    shop = stocked(pipeline, 60)
    build = shop.start()
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    work.takes(pipeline.store, "search", 0.1)
    while shop.state(build) is not BuildState.READY:
        assert shop.step(pause=uploads_take(clock))
    assert 0.7 < sum(clock.sleeps) / sum(work.took) <= 1 + 1e-6


def test_tuning_rests_as_long_as_it_works(pipeline: Pipeline, clock: Clock, work: Work) -> None:
    shop = stocked(pipeline, 12)
    build = with_lists(shop)
    tune(shop, build, compare=("FLAT",))
    work.takes(pipeline.store, "search", 0.1)
    while shop.step(pause=uploads_take(clock)):
        pass
    assert shop.build(build).tuned is not None
    assert 0.9 < sum(clock.sleeps) / sum(work.took) <= 1 + 1e-6
