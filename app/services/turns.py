"""Turns: one run of a stage at a time in a process; a wake that comes meanwhile makes it look once more."""

import threading
from collections.abc import Callable, Hashable


class Turns:
    """Keeps threads from crowding into one stage. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._asked_again: dict[Hashable, bool] = {}

    def take(self, key: Hashable, work: Callable[[], int]) -> int:
        """Run `work` if nobody runs it under this key, and again while it was asked for meanwhile.

        Returns the sum of what the runs returned; 0 at once where somebody else runs it.
        """
        with self._lock:
            if key in self._asked_again:
                self._asked_again[key] = True
                return 0
            self._asked_again[key] = False
        done = 0
        while True:
            try:
                done += work()
            except BaseException:
                with self._lock:
                    self._end(key)
                raise
            with self._lock:
                if not self._asked_again[key]:
                    self._end(key)
                    return done
                self._asked_again[key] = False

    def await_end(self, key: Hashable, timeout_s: float) -> None:
        """Return once nobody works under this key, or after the time."""
        with self._lock:
            self._lock.wait_for(lambda: key not in self._asked_again, timeout_s)

    def _end(self, key: Hashable) -> None:
        del self._asked_again[key]
        self._lock.notify_all()
