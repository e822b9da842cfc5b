"""How far an ingest is: two bars on a terminal, a line now and then where there is none."""

import time
from types import TracebackType
from typing import Self

from app.cli.ingest.tally import Tally
from app.cli.screen import Screen

_LINE_EVERY_S = 10.0


class IngestProgress:
    """Shows a tally against the number of rows while it is used as a context."""

    def __init__(self, screen: Screen, tally: Tally, rows: int) -> None:
        self._screen = screen
        self._tally = tally
        self._rows = rows
        self._bars = screen.progress()
        self._accepted = self._bars.add_task("accepted", total=rows)
        self._indexed = self._bars.add_task("indexed", total=rows)
        self._started = self._told = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def update(self, *, all_sent: bool = False) -> None:
        """Show how things stand. Rows that were refused are no longer waited for."""
        if all_sent:
            self._rows = self._tally.accepted
        ended = self._tally.ended.total()
        self._bars.update(self._accepted, completed=self._tally.accepted, total=self._rows)
        self._bars.update(self._indexed, completed=ended, total=self._rows)
        now = time.monotonic()
        if not self._screen.err.is_terminal and now - self._told > _LINE_EVERY_S:
            self._told = now
            self._screen.say(self._line(ended, now - self._started))

    def _line(self, ended: int, seconds: float) -> str:
        rate = ended / seconds
        left = f", about {(self._rows - ended) / rate:.0f} s left" if rate else ""
        return f"{self._tally.accepted} of {self._rows} accepted, {ended} indexed, {rate:.1f}/s{left}"
