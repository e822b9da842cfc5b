"""How long the legs of one search may take, together."""

import time

_LEAST_S = 0.001  # what is asked for with nothing left is late as surely; a time-out of 0 means none to some drivers


class TimeBudget:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self._until

    @property
    def left(self) -> float:
        """Seconds that are left, and a little more than none at the end."""
        return max(_LEAST_S, self._until - time.monotonic())
