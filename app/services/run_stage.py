"""Running a stage: claim, work, write down what became of it, until nothing waits.

The work of one batch begins (downloads, decoding) before the batch ahead of it is finished, so that what a stage
waits for and what it computes overlap. Whatever goes wrong is decided here and nowhere else: an outside thing that does
not answer costs no attempt; anything else costs one, and the last one is death, with a reason.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.errors import BrokerUnavailable, Unavailable
from app.domain.uploads import Claim, Stage
from app.ports.catalogue import Database, Failure, Transaction
from app.ports.jobs import Jobs

log = logging.getLogger(__name__)

OUTAGE_DELAY = timedelta(seconds=5)  # until an outside thing is asked again: short for a person, long for a server
RETRY_DELAY = timedelta(seconds=1)  # doubled with every attempt


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    `done` moves on, `failures` (by upload id) are dead, `unencoded` goes back to the encode stage; claims named in
    none of them are given back and tried again. `record` writes the stage's results in the same transaction.
    """

    done: Sequence[Claim]
    record: Callable[[Transaction], None]
    failures: Mapping[str, Failure] = field(default_factory=dict)
    unencoded: Sequence[Claim] = ()


Begin = Callable[[Sequence[Claim]], Callable[[], Outcome]]
"""Begins the work on a batch and returns the call that finishes it."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How much a stage takes at a time, and for how long it may keep it."""

    limit: int
    lease: timedelta


def run_stage(
    stage: Stage,
    database: Database,
    jobs: Jobs,
    *,
    batching: Batching,
    begin: Begin,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Work until nothing waits for this stage or `stopping` says so; returns how many uploads moved on."""
    moved = 0
    ahead = _begin(stage, database, batching, begin)
    while ahead is not None:
        current, ahead = ahead, None
        if not stopping():
            ahead = _begin(stage, database, batching, begin)
        moved += _finish(stage, database, current)
        _wake_following(stage, jobs)
    return moved


@dataclass(frozen=True, slots=True)
class _Begun:
    claims: Sequence[Claim]
    finish: Callable[[], Outcome]


def _begin(stage: Stage, database: Database, batching: Batching, begin: Begin) -> _Begun | None:
    with database.writing() as transaction:
        claims = transaction.uploads.claim(stage, limit=batching.limit, lease=batching.lease)
    if not claims:
        return None
    try:
        return _Begun(claims, begin(claims))
    except Exception as error:  # noqa: BLE001 - whatever it is, the claims are given back with the right delay
        return _Begun(claims, _raiser(error))


def _raiser(error: Exception) -> Callable[[], Outcome]:
    def finish() -> Outcome:
        raise error

    return finish


def _finish(stage: Stage, database: Database, begun: _Begun) -> int:
    try:
        outcome = begun.finish()
    except Unavailable as error:
        log.warning("stage.outage", extra={"stage": stage.value, "code": error.code, "detail": error.detail})
        _give_back(database, begun.claims, delay=OUTAGE_DELAY, blameless=True)
        return 0
    except Exception:
        log.exception("stage.failed", extra={"stage": stage.value, "uploads": [c.upload_id for c in begun.claims]})
        attempts = begun.claims[0].attempts
        _give_back(database, begun.claims, delay=RETRY_DELAY * 2**attempts, blameless=False)
        return 0
    return _write_down(stage, database, begun.claims, outcome)


def _write_down(stage: Stage, database: Database, claims: Sequence[Claim], outcome: Outcome) -> int:
    settled = {claim.upload_id for claim in (*outcome.done, *outcome.unencoded)} | set(outcome.failures)
    left = [claim for claim in claims if claim.upload_id not in settled]
    with database.writing() as transaction:
        outcome.record(transaction)
        moved = transaction.uploads.advance(stage, outcome.done)
        transaction.uploads.encode_again(outcome.unencoded)
        transaction.uploads.bury(outcome.failures)
        transaction.uploads.release(left, delay=RETRY_DELAY, blameless=False)
    return len(moved)


def _give_back(database: Database, claims: Sequence[Claim], *, delay: timedelta, blameless: bool) -> None:
    with database.writing() as transaction:
        transaction.uploads.release(claims, delay=delay, blameless=blameless)


def _wake_following(stage: Stage, jobs: Jobs) -> None:
    if stage.following is None:
        return
    try:
        jobs.wake(stage.following)
    except BrokerUnavailable as error:
        log.warning("jobs.wake_failed", extra={"detail": error.detail})
