"""Waiting for the legs of a search: one that fails or is late is left out, and the others answer."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Literal, TypeVar

from prometheus_client import Counter

from app.domain.errors import StoreUnavailable, Unavailable
from app.domain.search import Leg
from app.services.search_legs import NO_WORDS
from app.services.time_budget import TimeBudget

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Reason = Literal["late", "failed", "absent"]

LEFT_OUT = Counter("vitrine_legs_left_out", "Legs that searches went without, by leg and reason", ["leg", "reason"])


def await_legs(asked: Mapping[Leg, Future[Found]], budget: TimeBudget) -> dict[Leg, Found]:
    """What the legs found that were there in time.

    A late one that has no thread yet never begins; one that has holds it for no longer than its call of the store
    takes, and with a quantised index the reading of what that found. Raises `Unavailable` where no leg is left, and
    whatever else a leg raised, which is a mistake of ours.
    """
    wait(asked.values(), timeout=budget.left)
    found: dict[Leg, Found] = {}
    left_out: dict[str, Reason] = {}
    failures: list[Unavailable] = []
    for leg, future in asked.items():
        if not future.done():
            future.cancel()
            left_out[leg.value] = "late"
        elif isinstance(failure := future.exception(), Unavailable):
            failures.append(failure)
            left_out[leg.value] = _reason(failure, budget)
        else:
            found[leg] = future.result()
    for name, reason in left_out.items():
        LEFT_OUT.labels(name, reason).inc()
    if left_out and not found:
        raise failures[0] if failures else StoreUnavailable(f"no leg answered within {budget.seconds:g} s")
    if set(left_out.values()) - {"absent"}:
        log.warning("search.degraded", extra={"left_out": left_out})
    return found


def will_answer(asked: Future[Found]) -> bool:
    """Whether a leg that is missing may answer the next search: it was late or failed, and is not absent for good."""
    if asked.cancelled() or not asked.done():
        return True
    failure = asked.exception()
    return not (isinstance(failure, Unavailable) and failure.code == NO_WORDS)


def _reason(failure: Unavailable, budget: TimeBudget) -> Reason:
    if failure.code == NO_WORDS:
        return "absent"  # as for every query, until another build is live
    return "late" if budget.spent else "failed"  # the store's time-out is what was left of it
