"""Whether the worker that this process works for is to stop."""

import mmap
from typing import Any

from celery import signals
from celery.worker import state

_told = mmap.mmap(-1, 1)  # shared with the children of a prefork pool, whom nobody tells; a signal sets it: no lock


def watch() -> None:
    """Note that the worker is told to stop. To be called before its pool forks."""
    signals.worker_shutting_down.connect(_note, weak=False)


def stopped() -> bool:
    """Whether it is to stop: it finishes what takes seconds, and gives back what takes longer."""
    return state.should_stop is not None or _told[0] != 0


def _note(**_: Any) -> None:
    _told[0] = 1
