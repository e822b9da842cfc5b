"""Reads that are shared: few are made, none is older than who asked for it, and nobody waits for one that hangs."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count

import pytest

from app.services.shared_reads import SharedReads

PATIENCE_S = 30.0
ASKING = 6


class Clocked:
    """Counts what is read, and lets a read end when it may."""

    def __init__(self, reads: SharedReads[int]) -> None:
        self.reads = reads
        self.made = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def ask(self, key: str = "shop") -> int:
        return self.reads.read(key, self.make)

    @property
    def waiting(self) -> int:
        """How many wait for a read that has begun or will."""
        flights = {*self.reads._under_way.values(), *self.reads._next.values()}
        return sum(len(one.done._cond._waiters) for one in flights)  # type: ignore[attr-defined]

    def make(self) -> int:
        self.made += 1
        made = self.made
        assert self.may_end.wait(PATIENCE_S)
        return made


def until(met: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + PATIENCE_S
    while not met():
        assert time.perf_counter() < deadline
        time.sleep(0.001)


def together(threads: ThreadPoolExecutor, clocked: Clocked) -> tuple[Future[int], list[Future[int]]]:
    """One read that is held, and others that were asked for meanwhile."""
    clocked.may_end.clear()
    first = threads.submit(clocked.ask)
    until(lambda: clocked.made == 1)
    others = [threads.submit(clocked.ask) for _ in range(ASKING)]
    return first, others


def test_who_comes_while_one_is_under_way_shares_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.shared_reads.PATIENCE_S", PATIENCE_S)
    clocked = Clocked(SharedReads())
    with ThreadPoolExecutor(ASKING + 1) as threads:
        first, others = together(threads, clocked)
        until(lambda: clocked.waiting == ASKING)
        clocked.may_end.set()
        assert first.result() == 1
        assert {one.result() for one in others} == {2}
    assert clocked.ask() == 3


def test_keys_have_nothing_in_common() -> None:
    clocked = Clocked(SharedReads())
    with ThreadPoolExecutor(2) as threads:
        clocked.may_end.clear()
        one = threads.submit(clocked.ask, "one")
        until(lambda: clocked.made == 1)
        other = threads.submit(clocked.ask, "other")
        until(lambda: clocked.made == 2)
        clocked.may_end.set()
        assert {one.result(), other.result()} == {1, 2}


def test_nobody_waits_long_for_a_read_that_hangs_nor_for_one_that_waits_for_it() -> None:
    clocked = Clocked(SharedReads())
    with ThreadPoolExecutor(ASKING + 1) as threads:
        _, others = together(threads, clocked)
        until(lambda: clocked.made == ASKING + 1)  # each has asked for himself, and all of them hang
        assert clocked.reads.read("shop", lambda: 70) == 70
        clocked.may_end.set()
        assert sorted(one.result() for one in others) == [*range(2, ASKING + 2)]
    assert (clocked.reads._under_way, clocked.reads._next) == ({}, {})


def test_a_read_that_is_known_to_take_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("app.services.shared_reads.time.monotonic", lambda: now)
    clocked = Clocked(SharedReads())
    with ThreadPoolExecutor(1) as threads:
        clocked.may_end.clear()
        hung = threads.submit(clocked.ask)
        until(lambda: clocked.made == 1)
        now = 60.0
        assert clocked.reads.read("shop", lambda: 70) == 70
        clocked.may_end.set()
        assert hung.result() == 1


def test_who_is_stopped_while_he_waits_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clocked = Clocked(SharedReads())
    with ThreadPoolExecutor(1) as threads:
        clocked.may_end.clear()
        hung = threads.submit(clocked.ask)
        until(lambda: clocked.made == 1)

        def stopped(_self: object, _end: float) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("app.services.shared_reads._Flight.wait_until", stopped)
            with pytest.raises(KeyboardInterrupt):
                clocked.ask()
        clocked.may_end.set()
        assert hung.result() == 1
    assert (clocked.reads._under_way, clocked.reads._next) == ({}, {})


def test_a_failure_is_that_of_who_read() -> None:
    reads = SharedReads[int]()
    numbers = count()

    def second_fails() -> int:
        number = next(numbers)
        time.sleep(0.05)
        if number == 1:
            raise OSError
        return number

    def ask(_: int) -> int | None:
        try:
            return reads.read("shop", second_fails)
        except OSError:
            return None

    with ThreadPoolExecutor(ASKING) as threads:
        found = list(threads.map(ask, range(ASKING)))
    assert found.count(None) == 1


def test_nobody_is_given_what_was_read_before_it_asked() -> None:
    reads = SharedReads[int]()
    written, wrong, shared = 0, [], []
    over = threading.Event()

    def read() -> int:
        seen = written
        time.sleep(0.0002)
        return seen

    def ask() -> None:
        while not over.is_set():
            before = written
            found = reads.read("shop", read)
            shared.append(found)
            if found < before:
                wrong.append((found, before))

    with ThreadPoolExecutor(ASKING) as threads:
        asking = [threads.submit(ask) for _ in range(ASKING)]
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            written += 1
            time.sleep(0.0001)
        over.set()
        for one in asking:
            one.result()
    assert len(shared) > len(set(shared)) > 10
    assert not wrong
