"""Waiting for uploads to reach their last state: the oldest are asked for, many at a time, and never one by one."""

import time
from datetime import datetime
from itertools import islice
from typing import Any

from app.cli.connection import Service
from app.cli.ingest.send import patiently
from app.cli.ingest.tally import Tally
from app.cli.screen import Screen
from app.domain.uploads import TERMINAL

_MAX_IDS = 200  # what the service tells of at a time
_SHORTEST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0  # a batch of the slowest encoder takes longer; a person looks about as often
_STALLED_S = 10.0


def newest_upload(service: Service, catalog: str) -> datetime | None:
    """When the newest upload of a catalog was accepted, by the service's clock."""
    found = service.get("/v1/uploads", catalog=catalog, limit=1)["uploads"]
    return datetime.fromisoformat(found[0]["stages"][0]["at"]) if found else None


class Watcher:
    """Asks after the pending uploads of a tally, more slowly while nothing happens.

    Uploads are worked on about in the order they came, so that the oldest tell when there is anything to tell. Where
    they are stuck (a picture's server is slow) the ones behind them are looked at.
    """

    def __init__(self, screen: Screen, service: Service, tally: Tally) -> None:
        self._screen = screen
        self._service = service
        self._tally = tally
        self._wait = _SHORTEST_WAIT_S
        self._next = 0.0
        self._moved = time.monotonic()
        self._said = ""

    def look(self) -> None:
        """Ask once, if it is time to."""
        if self._tally.pending and time.monotonic() >= self._next:
            self._look()

    def wait(self) -> None:
        """Sleep until it is time to ask again."""
        time.sleep(max(0.0, self._next - time.monotonic()))

    def _look(self) -> None:
        asked = list(islice(self._tally.pending, _MAX_IDS))
        told = patiently(self._screen, lambda: self._service.get("/v1/uploads", ids=",".join(asked)))["uploads"]
        ended = [receipt for receipt in told if receipt["state"] in TERMINAL]
        for receipt in ended:
            self._tally.end(receipt)
        unknown = set(asked) - {receipt["upload_id"] for receipt in told}
        for upload_id in unknown:
            product_id = self._tally.pending.pop(upload_id)
            self._tally.refuse(product_id, "unknown_upload", f"the service has forgotten upload {upload_id}")
        now = time.monotonic()
        if ended:
            self._wait, self._moved = _SHORTEST_WAIT_S, now
        else:
            self._wait = min(2 * self._wait, _LONGEST_WAIT_S)
            self._look_further(asked, told, now)
        # Where all of them have ended there is more to learn at once.
        self._next = now if len(ended) == len(asked) else now + self._wait

    def _look_further(self, asked: list[str], told: list[dict[str, Any]], now: float) -> None:
        if now - self._moved < _STALLED_S:
            return
        self._moved = now
        self._say_why([receipt for receipt in told if "next_attempt_at" in receipt])
        for upload_id in asked:
            if upload_id in self._tally.pending:
                self._tally.pending[upload_id] = self._tally.pending.pop(upload_id)

    def _say_why(self, waiting: list[dict[str, Any]]) -> None:
        """Tell what holds uploads up, each time there is something else to tell."""
        if not waiting:
            return
        first = min(waiting, key=lambda receipt: str(receipt["next_attempt_at"]))
        due = datetime.fromisoformat(first["next_attempt_at"]).astimezone().strftime("%H:%M:%S")
        reason = first.get("last_error", {})
        why = (
            f"{len(waiting)} waiting for another attempt: product {first['product_id']}, at {due}, "
            f"{reason.get('detail', '')} [{reason.get('code', '')}]"
        )
        if why != self._said:
            self._said = why
            self._screen.say(why)
