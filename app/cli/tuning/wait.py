"""Waiting until a build is tuned, with what a person is told meanwhile."""

import time
from typing import Any

from app.cli.connection import Service
from app.cli.screen import Screen
from app.cli.tuning.shown import so_far
from app.cli.waiting import going_on
from app.domain.errors import Unavailable
from app.domain.tuning import NOT_TUNED, TUNED, TUNING

_EVERY_S = 0.5  # it takes seconds to minutes


def waited_for(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    """What tuning found, once it is done. Ctrl-C ends the waiting and not the tuning."""
    with going_on(screen, service):
        return _tuned(screen, service, path)


def _tuned(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    known: tuple[Any, ...] = ()
    while True:
        told = service.get(path)
        event = [one for one in told["events"] if one["what"] in (TUNING, TUNED, NOT_TUNED)][-1]
        if event["what"] == TUNED:
            return dict(told["tuned"])
        if event["what"] == NOT_TUNED:
            raise Unavailable(f"it was not tuned: {event['told']['detail']}", code=event["told"]["code"])
        if not told["takes_uploads"]:
            raise Unavailable("the build ended before it was tuned", code="build_state")
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
