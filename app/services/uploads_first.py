"""Steps of builds let uploads go first, and yet go on under any load."""

import time
from collections.abc import Callable

from app.domain.uploads import Stage
from app.services.turns import Turns

MOST_S = 5.0
"""The longest that uploads go first at a time."""


class UploadsFirst:
    """The pause of `work_on_builds`: does the uploads of a stage, and says whether to stop.

    They get a batch, and as long as was worked since the last pause, here or where another thread is at them: a build
    has half of the time at least, however many uploads come.
    """

    def __init__(
        self,
        turns: Turns,
        stage: Stage,
        uploads: Callable[[Callable[[], bool]], object],
        stopping: Callable[[], bool],
    ) -> None:
        self._turns = turns
        self._stage = stage
        self._uploads = uploads
        self._stopping = stopping
        self._since = time.monotonic()

    def __call__(self) -> bool:
        """Let uploads go first; True where the work is to stop."""
        now = time.monotonic()
        end = now + min(now - self._since, MOST_S)
        self._uploads(lambda: self._stopping() or time.monotonic() > end)
        self._turns.await_end(self._stage, end - time.monotonic())
        self._since = time.monotonic()
        return self._stopping()
