"""Waiting until a build is tuned, with what a person is told meanwhile."""

import time
from typing import Any

from app.cli.connection import Service
from app.cli.screen import Screen
from app.cli.tuning.shown import so_far
from app.cli.waiting import going_on
from app.domain.errors import Unavailable
from app.domain.tuning import MEASURED, NOT_TUNED, TUNED, TUNING, UNTUNED

_EVERY_S = 0.5  # it takes seconds to minutes
_TOLD = (TUNING, TUNED, MEASURED, NOT_TUNED, UNTUNED)


def waited_for(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    """What tuning found and when, of which index, and whether it is stored. Ctrl-C ends the waiting and no tuning."""
    with going_on(screen, service):
        return _tuned(screen, service, path)


def _tuned(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    known: tuple[Any, ...] = ()
    while True:
        told = service.get(path)
        event = [one for one in told["events"] if one["what"] in _TOLD][-1]
        if event["what"] in (TUNED, MEASURED):
            return _found(told, event)
        _still_going(told, event)
        tuning = told.get("tuning")
        waiting = tuning and tuning.get("waiting")
        now = (waiting and waiting["code"], tuning and (tuning["parts_left"],))  # its words may count rows
        if now != known:
            known = now
            if waiting:
                screen.say(f"waiting: {waiting['detail']} [{waiting['code']}]")
            elif tuning:
                screen.say(so_far(tuning))
        time.sleep(_EVERY_S)


def _found(told: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    found = told["tuned"] if event["what"] == TUNED else event["told"]
    stored = event["what"] == TUNED and bool(found["bands"])
    return {"index": told["index"], "params": told["params"], "at": event["at"], "stored": stored, **found}


def _still_going(told: dict[str, Any], event: dict[str, Any]) -> None:
    """Raises `Unavailable` where it is not, and nothing was found."""
    if event["what"] == NOT_TUNED:
        raise Unavailable(f"it was not tuned: {event['told']['detail']}", code=event["told"]["code"])
    if event["what"] == UNTUNED:
        raise Unavailable("it was tuned, and put back by somebody at once: `vitrine builds show` tells", code=UNTUNED)
    if not told["takes_uploads"]:
        raise Unavailable("the build ended before it was tuned", code="build_state")
