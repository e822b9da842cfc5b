"""A cache in the memory of this process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

ENTRY_BYTES = 400
"""What an entry takes beside its content: its key, two objects and two places in a table."""


class _Entry(NamedTuple):
    content: bytes
    until: float


class MemoryCache:
    """`Cache` of the port, of so many bytes; what was not used for longest goes first. 0: it keeps nothing.

    Safe to use from several threads. `clock` gives seconds that never go back.
    """

    def __init__(self, most_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> bytes | None:
        """What was kept last, unless its time is over or its room was needed."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._clock() >= entry.until:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return entry.content

    def put(self, key: str, content: bytes, *, ttl_s: int) -> None:
        """Keep this for so many seconds."""
        size = ENTRY_BYTES + len(content)
        if size > self._most_bytes:
            return
        with self._lock:
            if key in self._entries:
                self._drop(key)
            while self._bytes + size > self._most_bytes:
                self._drop(next(iter(self._entries)))
            self._entries[key] = _Entry(content, self._clock() + ttl_s)
            self._bytes += size

    def _drop(self, key: str) -> None:
        self._bytes -= ENTRY_BYTES + len(self._entries.pop(key).content)
