"""Work on builds lets the searches of its own process go first."""

import math
import threading
import time
from collections.abc import Callable

RECENT_S = 1.0
"""A shop is searched as long as it was searched so lately."""

MOST_S = 5.0
"""The longest rest: a batch takes a large model seconds on a CPU, and what takes longer waited for something else."""


def _nothing() -> None: ...


class SearchesFirst:
    """Knows when this process answered a search last. Safe to use from several threads.

    Nothing in Python lets one thread go before another: where both compute, a search takes its turns with everything
    else. So who works on a build rests as long as it has worked, for as long as searches come.
    """

    def __init__(self) -> None:
        self._searched_at = -math.inf
        self._mine = threading.local()

    def note(self) -> None:
        """A search is being answered."""
        self._searched_at = time.monotonic()

    def worked_s(self) -> float:
        """The clock of a thread, in seconds: it stands still while the thread rests."""
        return time.monotonic() - getattr(self._mine, "rested_s", 0.0)

    def rests(self, following: Callable[[], object] = _nothing) -> Callable[[], None]:
        """For one thread that begins to work: what it calls after each piece of that, such as a batch of a model.

        After the rest it does what is `following`, which is no work to rest from.
        """
        since = time.monotonic()

        def rest() -> None:
            nonlocal since
            self._rest(time.monotonic() - since)
            following()
            since = time.monotonic()

        return rest

    def _rest(self, worked_s: float) -> None:
        if time.monotonic() - self._searched_at < RECENT_S:
            seconds = min(worked_s, MOST_S)
            time.sleep(seconds)
            self._mine.rested_s = getattr(self._mine, "rested_s", 0.0) + seconds
