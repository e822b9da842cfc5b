"""Steps of builds let uploads go first, and yet go on under any load."""

import threading
import time
from collections.abc import Callable

from app.domain.uploads import Stage
from app.services.turns import Turns

MOST_S = 5.0
"""The longest that uploads go first at a time."""


class UploadsFirst:
    """The pause of `work_on_builds`: does the uploads of a stage, and says whether to stop.

    They get a batch, and as long as this thread worked since its last pause, here or where another thread is at them:
    of the time in which it does not rest for searches, a build has half at least, however many uploads come.
    """

    def __init__(
        self,
        turns: Turns,
        stage: Stage,
        uploads: Callable[[Callable[[], bool]], object],
        stopping: Callable[[], bool],
        worked_s: Callable[[], float],
    ) -> None:
        """`worked_s` is the clock of a thread's work, in seconds: it stands still while the thread rests."""
        self._turns = turns
        self._stage = stage
        self._uploads = uploads
        self._stopping = stopping
        self._worked_s = worked_s
        self._mine = threading.local()
        self._mine.since = worked_s()

    def __call__(self) -> bool:
        """Let uploads go first; True where the work is to stop."""
        now = self._worked_s()
        end = time.monotonic() + min(now - getattr(self._mine, "since", now), MOST_S)
        self._uploads(lambda: self._stopping() or time.monotonic() > end)
        self._turns.await_end(self._stage, end - time.monotonic())
        self._mine.since = self._worked_s()
        return self._stopping()
