"""Of equal reads that are asked for at once, few are made: nobody is given one that began before it was asked for."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Read = TypeVar("Read")

PATIENCE_S = 0.1
"""How long a read is waited for. Most take a hundredth of that, and of others the end is not in sight."""


class _Flight(Generic[Read]):
    """One read, that begins at the latest at `begins_by`: `done` once it is over, and what was read unless it failed.

    Times are of the monotonic clock.
    """

    def __init__(self) -> None:
        self.done: Final = threading.Event()
        self.begins_by = time.monotonic()
        self.found: tuple[Read] | None = None

    def wait_until(self, end: float) -> None:
        """Wait for it, at the longest so long."""
        self.done.wait(max(0.0, end - time.monotonic()))


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
        before = None
        with self._lock:
            flight = joined = self._next.get(key)
            if flight is None:
                flight, before = _Flight[Read](), self._under_way.get(key)
                (self._under_way if before is None else self._next)[key] = flight
                if before is not None:
                    flight.begins_by = max(flight.begins_by, before.begins_by + PATIENCE_S)
        if joined is None:
            return self._made(key, flight, before, make)
        joined.wait_until(joined.begins_by + PATIENCE_S)
        return make() if joined.found is None else joined.found[0]

    def _made(self, key: str, mine: _Flight[Read], before: _Flight[Read] | None, make: Callable[[], Read]) -> Read:
        """Read, once the read before is over or takes too long: then this one stands in its place."""
        try:
            if before is not None:
                try:
                    before.wait_until(mine.begins_by)
                finally:
                    with self._lock:
                        mine.begins_by = time.monotonic()
                        self._under_way[key] = self._next.pop(key)
            found = make()
            mine.found = (found,)
            return found
        finally:
            with self._lock:
                if self._under_way.get(key) is mine:
                    del self._under_way[key]
            mine.done.set()
