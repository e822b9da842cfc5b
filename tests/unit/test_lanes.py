"""Lanes: a batch in parts, and back in order."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from app.adapters.encoders.lanes import LEAST, Lanes
from app.domain.embeddings import Vectors


class Tower:
    """Gives each number back as a vector, and notes what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str, int]] = []

    def __call__(self, contents: Sequence[int]) -> Vectors:
        self.calls.append((len(contents), threading.current_thread().name, torch.get_num_threads()))
        return np.array([[number, -number] for number in contents], dtype=np.float32)

    @property
    def sizes(self) -> list[int]:
        return sorted(size for size, _, _ in self.calls)


def expected(count: int) -> Vectors:
    return np.array([[number, -number] for number in range(count)], dtype=np.float32)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [2 * LEAST, 2 * LEAST + 1, 4 * LEAST - 1, 4 * LEAST, 100])
def test_parts_come_back_in_order_and_none_is_small(count: int) -> None:
    tower = Tower()
    assert np.array_equal(Lanes(4).run(tower, range(count)), expected(count))
    assert len(tower.calls) == min(4, count // LEAST)
    assert sum(tower.sizes) == count
    assert tower.sizes[-1] - tower.sizes[0] <= len(tower.calls)


def test_a_few_contents_stay_together_on_the_callers_thread_which_waits_for_no_other() -> None:
    tower = Tower()
    assert np.array_equal(Lanes(4).run(tower, range(2 * LEAST - 1)), expected(2 * LEAST - 1))
    assert tower.calls == [(2 * LEAST - 1, threading.current_thread().name, 1)]


def test_a_device_gets_its_batch_whole() -> None:
    tower = Tower()
    assert np.array_equal(Lanes(4, alone=True).run(tower, range(64)), expected(64))
    assert tower.calls == [(64, threading.current_thread().name, 4)]


@pytest.mark.parametrize(("threads", "lanes", "of_each"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (8, 4, 2), (9, 4, 2)])
def test_the_threads_are_shared_out_among_the_lanes(threads: int, lanes: int, of_each: int) -> None:
    tower = Tower()
    Lanes(threads).run(tower, range(64))
    assert len(tower.calls) == lanes
    assert {given for _, _, given in tower.calls} == {of_each}


def test_an_error_in_one_part_is_the_callers() -> None:
    def fail(contents: Sequence[int]) -> Vectors:
        if 63 in contents:
            raise MemoryError
        return expected(len(contents))

    lanes = Lanes(4)
    with pytest.raises(MemoryError):
        lanes.run(fail, range(64))
    assert np.array_equal(lanes.run(Tower(), range(64)), expected(64))
