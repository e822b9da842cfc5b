"""Work on builds lets the searches of its own process go first."""

import math
import time
from collections.abc import Callable

RECENT_S = 1.0
"""A shop is searched as long as it was searched so lately."""

MOST_S = 0.5
"""The longest rest: longer pieces of work are those that waited for something else."""


class SearchesFirst:
    """Knows when this process answered a search last. Safe to use from several threads.

    Nothing in Python lets one thread go before another: where both compute, a search takes its turns with everything
    else. So who works on a build rests as long as it has worked, for as long as searches come.
    """

    def __init__(self) -> None:
        self._searched_at = -math.inf

    def note(self) -> None:
        """A search is being answered."""
        self._searched_at = time.monotonic()

    def rests(self) -> Callable[[], None]:
        """For one thread that begins to work: what it calls after each piece of that, a tenth of a second or less."""
        since = time.monotonic()

        def rest() -> None:
            nonlocal since
            now = time.monotonic()
            if now - self._searched_at < RECENT_S:
                time.sleep(min(now - since, MOST_S))
            since = time.monotonic()

        return rest
