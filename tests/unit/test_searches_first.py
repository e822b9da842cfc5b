"""Searches first: who works on a build rests while searches come."""

import time

import pytest

from app.services import searches_first
from app.services.searches_first import MOST_S, RECENT_S, SearchesFirst


class Clock:
    """Time that only work and sleep take."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds

    def rested(self) -> float:
        """How long was slept since the last time."""
        slept, self.slept = self.slept, 0.0
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
