"""The lock that readers share: who waits for whom."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from app.adapters.milvus.read_write_lock import ReadWriteLock

SOON_S = 0.1
AT_LAST_S = 10.0


class Holder:
    """A thread that takes the lock and keeps it until it is told."""

    def __init__(self, pool: ThreadPoolExecutor, take: Callable[[], AbstractContextManager[None]]) -> None:
        self.has_it = threading.Event()
        self._enough = threading.Event()
        self._done: Future[None] = pool.submit(self._hold, take)

    def _hold(self, take: Callable[[], AbstractContextManager[None]]) -> None:
        with take():
            self.has_it.set()
            assert self._enough.wait(AT_LAST_S)

    def let_go(self) -> None:
        self._enough.set()
        self._done.result(AT_LAST_S)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def await_a_waiting_writer(lock: ReadWriteLock) -> None:
    until = time.monotonic() + AT_LAST_S
    while not lock._writers_waiting:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_readers_hold_it_together_and_a_writer_alone(pool: ThreadPoolExecutor) -> None:
    lock = ReadWriteLock()
    one, other = Holder(pool, lock.reading), Holder(pool, lock.reading)
    assert one.has_it.wait(AT_LAST_S)
    assert other.has_it.wait(AT_LAST_S)
    writer = Holder(pool, lock.writing)
    one.let_go()
    assert not writer.has_it.wait(SOON_S)
    other.let_go()
    assert writer.has_it.wait(AT_LAST_S)
    second = Holder(pool, lock.writing)
    await_a_waiting_writer(lock)
    reader = Holder(pool, lock.reading)
    assert not second.has_it.wait(SOON_S)
    assert not reader.has_it.is_set()
    writer.let_go()
    assert second.has_it.wait(AT_LAST_S)
    second.let_go()
    assert reader.has_it.wait(AT_LAST_S)
    reader.let_go()


def test_a_writer_goes_before_readers_that_come_after_it(pool: ThreadPoolExecutor) -> None:
    lock = ReadWriteLock()
    before = Holder(pool, lock.reading)
    assert before.has_it.wait(AT_LAST_S)
    writer = Holder(pool, lock.writing)
    await_a_waiting_writer(lock)
    assert not writer.has_it.is_set()
    after = Holder(pool, lock.reading)
    assert not after.has_it.wait(SOON_S)
    before.let_go()
    assert writer.has_it.wait(AT_LAST_S)
    assert not after.has_it.is_set()
    writer.let_go()
    assert after.has_it.wait(AT_LAST_S)
    after.let_go()


def test_what_fails_while_it_is_held_gives_it_back() -> None:
    lock = ReadWriteLock()
    for take in (lock.reading, lock.writing):
        with pytest.raises(ValueError, match="no matter"), take():
            raise ValueError("no matter")
    with lock.writing():
        pass
