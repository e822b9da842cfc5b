"""Of equal reads that are asked for at once, few are made: nobody is given one that began before it was asked for."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Read = TypeVar("Read")

PATIENCE_S = 0.1
"""How long anybody waits for a read of another. Most take a hundredth of that, of others the end is not in sight."""


class _Flight(Generic[Read]):
    """One read: `done` once it is over, with what was read, or nothing where it failed."""

    def __init__(self) -> None:
        self.done: Final = threading.Event()
        self.found: tuple[Read] | None = None


class SharedReads(Generic[Read]):
    """Reads by a key. Safe to use from several threads.

    One read of a key is under way at a time, and those who come meanwhile share the next: so a database that is
    asked by eight threads at once has a quarter of the work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, _Flight[Read]] = {}
        self._next: dict[str, _Flight[Read]] = {}

    def read(self, key: str, make: Callable[[], Read]) -> Read:
        """What `make` reads, or another's has read that began since. Raises what `make` raises, and nobody else's."""
        mine = _Flight[Read]()
        with self._lock:
            joined = self._next.get(key)
            before = None if joined else self._under_way.get(key)
            if before is not None:
                self._next[key] = mine
            elif joined is None:
                self._under_way[key] = mine
        if joined is not None:
            joined.done.wait(PATIENCE_S)
            return joined.found[0] if joined.found is not None else make()
        if before is not None:
            before.done.wait(PATIENCE_S)
            with self._lock:
                del self._next[key]
                self._under_way[key] = mine
        try:
            found = make()
            mine.found = (found,)
        finally:
            with self._lock:
                if self._under_way.get(key) is mine:
                    del self._under_way[key]
            mine.done.set()
        return found
