"""How tuning a build ends, or is given back: what was found is taken, or it waits, or it is not tuned."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.bands import Band
from app.domain.build_steps import Step
from app.domain.tuning import MEASURED, NOT_TUNED, TUNED, Tuning
from app.domain.tuning_changes import changes, kept
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore
from app.services.compare_indexes import drop_trials
from app.services.finish_step import finish_step
from app.services.search_legs import DEPTH, ROWS_PER_CANDIDATE

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(hours=1)
"""A part is given back for so long, and nothing is measured: an operator who still wants it can ask again."""

_UNMEASURED = "no band could be measured"  # every share was left out
_SINCE = "waiting_since"
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TuningEnd:
    """What may become of a step of tuning that a worker has."""

    database: Database
    store: VectorStore
    step: Step

    @property
    def so_far(self) -> Tuning:
        """What is left to be done, and what was found."""
        return Tuning(**{name: value for name, value in self.step.page.told.items() if name != _SINCE})

    def take(self, transaction: Transaction, tuning: Tuning) -> None:
        """Let searches take what was found; in a dry run, and where nothing was measured, they go on as before.

        A band that was found before, and whose share was left out this time, stays.
        """
        build = self.step.build
        found: list[Mapping[str, Any]] = tuning.found["bands"]
        if not found and "nothing" not in tuning.found:
            tuning = nothing(tuning, _UNMEASURED)
        # An exact index reaches whatever is asked for, and has no bands.
        reached = all(one["reached"] for one in found) if found else build.index.tunable is None
        bands = [Band(one["share"], next(iter(one["search_params"].values())), one["over_fetch"]) for one in found]
        stay = kept(build.index.bands, bands, [one["share"] for one in tuning.found["left_out"]])
        index = replace(build.index, bands=(*bands, *stay.values()))
        changed = changes(build.index, index, over_fetch=ROWS_PER_CANDIDATE, kept=stay.keys()) if bands else []
        short = {"recall": tuning.recall, "reached": reached, "changes": changed}
        told = {**short, "depth": DEPTH, **tuning.found}
        if tuning.dry_run:
            transaction.builds.record(build.id, MEASURED, told)
        else:
            transaction.builds.set_tuned(build.id, index if bands else build.index, told)
            transaction.builds.record(build.id, TUNED, {**short, "bands": len(bands)})
        stored = bool(bands) and not tuning.dry_run
        log.info("build.tuned", extra={"build": build.id, "reached": reached, "bands": len(bands), "stored": stored})

    def wait(self, reason: Failure, delay: timedelta, *, anew: bool = False) -> None:
        """Give the step back, which is not to blame; after too long it is given up.

        `anew` says that what it waited for before is there: it got further.
        """
        told = self.step.page.told
        with self.database.writing() as transaction:
            since = (None if anew else told.get(_SINCE)) or transaction.now.isoformat()
            waited = transaction.now - datetime.fromisoformat(since)
            if waited <= LONGEST_WAIT:
                told = {**told, _SINCE: since}
                transaction.build_steps.release(self.step, reason, delay=delay, blameless=True, told=told)
                return
        self.give_up(Failure(reason.code, f"{reason.detail}, after {waited // _MINUTE} minutes of waiting"))

    def give_up(self, reason: Failure) -> None:
        """Say that the build is not tuned; it stays as it was."""
        build, told = self.step.build, {"code": reason.code, "detail": reason.detail}
        log.error("build.not_tuned", extra={"build": build.id, **told})
        try:
            drop_trials(self.store, build)
        except Exception:  # whatever it is, the next tuning tries again, and so does the end of the build
            log.exception("build.trials_left", extra={"build": build.id})
        with self.database.writing() as transaction:
            if finish_step(transaction, self.step):
                transaction.builds.record(build.id, NOT_TUNED, told)


def nothing(tuning: Tuning, reason: str) -> Tuning:
    """The same with nothing left to be done, for nothing is tuned."""
    return replace(tuning, bands=[], found={**tuning.found, "bands": [], "nothing": reason})


def why(step: Step) -> Failure:
    """What a step was last given back for; a worker that died told nothing."""
    return Failure(step.error_code or "attempts_exhausted", step.error_detail or "its workers died of it")
