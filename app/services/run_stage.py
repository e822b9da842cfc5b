"""Running a stage: claim, work, write down what became of it, until nothing waits.

The work of one batch begins (downloads, decoding) before the batch ahead of it is finished, so that what a stage
waits for and what it computes overlap. Whatever goes wrong is decided here and nowhere else: an outside thing that
does not answer, or a model that is not the one it should be, costs no attempt; anything else costs one, and the last
one is death, with a reason.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from app.domain.errors import (
    DatabaseUnavailable,
    EncoderNotFound,
    EncoderRefused,
    Misconfigured,
    Unavailable,
    VitrineError,
)
from app.domain.uploads import Claim, Stage
from app.ports.database import Database, Transaction
from app.ports.jobs import Jobs
from app.ports.uploads import Failure
from app.services.waking import wake_stage

log = logging.getLogger(__name__)

T = TypeVar("T")

OUTAGE_DELAY = timedelta(seconds=5)  # until an outside thing is asked again: short for a person, long for a server
RETRY_DELAY = timedelta(seconds=1)  # doubled with every attempt
WRITING_PAUSES_S = (0.1, 0.5, 2.0)  # between tries to write down: long enough for a database that is restarted

NO_UPLOADS_FAULT = (Unavailable, EncoderNotFound, EncoderRefused, Misconfigured)
"""What somebody has to mend outside: uploads wait until it is, however long that takes."""

# Receipts are for uploaders: hosts, paths and drivers' words are in the log, for the operator.
_OUTAGE = "a part of the service is not ready (/health/ready says which): the upload waits, and goes on once it is"
_FAILED = Failure("attempt_failed", "the attempt ended without a result: the log of the service says more")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    `done` moves on, `failures` (by upload id) are dead, `unencoded` goes back to the encode stage, `blameless` (by
    upload id) waits for an outage to end and costs no attempt; claims named in none of them are given back and tried
    again, and `waiting` says why. `record` writes the stage's results in the same transaction; it is told which
    uploads moved on: a claim whose lease was lost is no longer this worker's to write about.
    """

    done: Sequence[Claim]
    record: Callable[[Transaction, Collection[str]], None]
    failures: Mapping[str, Failure] = field(default_factory=dict)
    unencoded: Sequence[Claim] = ()
    waiting: Mapping[str, Failure] = field(default_factory=dict)
    blameless: Mapping[str, Failure] = field(default_factory=dict)


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
        try:
            if not stopping():
                ahead = _begin(stage, database, batching, begin)
        finally:  # what was begun is finished even where the next batch cannot be claimed
            try:
                moved += _finish(stage, database, jobs, current)
            except Exception:  # nor does the batch ahead wait for its lease to end where this one has to
                if ahead is not None:
                    _finish(stage, database, jobs, ahead)
                raise
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


def _finish(stage: Stage, database: Database, jobs: Jobs, begun: _Begun) -> int:
    try:
        outcome = begun.finish()
        moved = _insist(lambda: _write_down(stage, database, begun.claims, outcome))
    except NO_UPLOADS_FAULT as error:
        log.warning("stage.outage", extra={"stage": stage.value, "code": error.code, "detail": error.detail})
        _give_back(database, begun.claims, Failure(error.code, _OUTAGE), delay=OUTAGE_DELAY, blameless=True)
        return 0
    except Exception as error:
        log.exception("stage.failed", extra={"stage": stage.value, "uploads": [c.upload_id for c in begun.claims]})
        reason = Failure(error.code if isinstance(error, VitrineError) else _FAILED.code, _FAILED.detail)
        _give_back(database, begun.claims, reason, delay=_retry_delay(begun.claims), blameless=False)
        return 0
    if moved and stage.following is not None:
        wake_stage(jobs, stage.following)
    if outcome.unencoded:
        wake_stage(jobs, Stage.ENCODE)
    return moved


def _retry_delay(claims: Sequence[Claim]) -> timedelta:
    """Claims of one batch have had the same number of attempts."""
    return RETRY_DELAY * (1 << claims[0].attempts)


def _write_down(stage: Stage, database: Database, claims: Sequence[Claim], outcome: Outcome) -> int:
    settled = {claim.upload_id for claim in (*outcome.done, *outcome.unencoded)} | set(outcome.failures)
    held_up = [claim for claim in claims if claim.upload_id in outcome.blameless]
    left = [claim for claim in claims if claim.upload_id not in settled | set(outcome.blameless)]
    with database.writing() as transaction:
        transaction.uploads.bury(claims, outcome.failures)  # first: it locks all claims, in one order
        moved = transaction.uploads.advance(stage, outcome.done)
        transaction.uploads.encode_again(outcome.unencoded)
        transaction.uploads.release(held_up, delay=OUTAGE_DELAY, blameless=True, reasons=outcome.blameless)
        reasons = {claim.upload_id: outcome.waiting.get(claim.upload_id, _FAILED) for claim in left}
        transaction.uploads.release(left, delay=_retry_delay(claims), blameless=False, reasons=reasons)
        outcome.record(transaction, moved)
        transaction.catalogs.revise({claim.catalog for claim in claims})
    return len(moved)


def _give_back(
    database: Database, claims: Sequence[Claim], reason: Failure, *, delay: timedelta, blameless: bool
) -> None:
    reasons = {claim.upload_id: reason for claim in claims}

    def release() -> None:
        with database.writing() as transaction:
            transaction.uploads.release(claims, delay=delay, blameless=blameless, reasons=reasons)

    _insist(release)


def _insist(write: Callable[[], T]) -> T:
    """Try a transaction again where the database does not answer, or chose it to end a deadlock."""
    for pause_s in WRITING_PAUSES_S:
        try:
            return write()
        except DatabaseUnavailable as error:
            log.warning("stage.write_again", extra={"detail": error.detail, "pause_s": pause_s})
            time.sleep(pause_s)
    return write()
