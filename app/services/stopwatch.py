"""Where the time of a query goes."""

import time


class Stopwatch:
    """Laps in milliseconds."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """End a lap under this name; several of one name are added up."""
        now = time.perf_counter()
        self._laps[name] = self._laps.get(name, 0.0) + (now - self._last) * 1e3
        self._last = now

    def readings(self) -> dict[str, float]:
        """Every lap, and the total, to a hundredth of a millisecond."""
        total = (self._last - self._start) * 1e3
        return {name: round(value, 2) for name, value in {**self._laps, "total": total}.items()}
