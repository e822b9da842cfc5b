"""Tuning a build: the cheapest search parameters that reach a recall, by the share of products that pass a filter.

Everything is measured on stored vectors and in the build's own collections, which answer queries meanwhile. Each step
does a part, an index type to be compared or a band, and what was found so far stands in the next one: a worker's turn
may end between them, and one that is killed costs the part it was at.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from app.domain.bands import EVERYTHING, Band
from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import Build
from app.domain.tuning import NOT_TUNED, TUNED, Tuning
from app.domain.uploads import MAX_ATTEMPTS
from app.ports.database import Database, Transaction
from app.ports.vectors import VectorStore
from app.services.await_index import still_indexing
from app.services.compare_indexes import Comparer, drop_trials
from app.services.finish_step import finish_step
from app.services.held_step import HeldStep, StepLost
from app.services.measure_searches import Meter
from app.services.search_legs import DEPTH
from app.services.stored_vectors import questions_of
from app.services.tune_bands import BandMeter, chosen_filters

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tuner:
    """Everything that tuning needs."""

    database: Database
    store: VectorStore
    lease: timedelta

    def step(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Do a part of tuning a build; after the last attempt it is said not to be tuned, and stays as it was."""
        if step.attempts > MAX_ATTEMPTS:
            self._give_up(step)
            return True
        tuning = Tuning(**step.page.told)
        if tuning.bands is None and still_indexing(self.database, self.store, step, self.lease):
            return True
        try:
            tuning = self._further(step.build, tuning, HeldStep(step, self.database, self.lease, pause))
        except StepLost:
            return True
        with self.database.writing() as transaction:
            following = [NewStep(StepKind.TUNE, told=asdict(tuning))] if tuning.left else []
            if finish_step(transaction, step, *following) and not following:
                _take(transaction, step.build, tuning)
        return True

    def _further(self, build: Build, tuning: Tuning, held: HeldStep) -> Tuning:
        """The same with one part more."""
        drop_trials(self.store, build)
        questions = questions_of(self.database, build)
        meter = Meter(self.store, questions, held)
        if not len(questions.vectors):
            return _nothing(replace(tuning, compare=()), "it holds no products to be asked with")
        if tuning.bands is None:
            return self._chosen(build, tuning)
        if tuning.compare:
            first, *left = tuning.compare
            compared = Comparer(self.database, self.store, meter, build).compare(first, DEPTH, tuning.recall)
            return replace(tuning, compare=left).with_more("compared", compared)
        (share, stated), *more = tuning.bands
        kind, found = BandMeter(self.database, build, meter).measured(share, stated, tuning.recall)
        return replace(tuning, bands=more).with_more(kind, found)

    def _chosen(self, build: Build, tuning: Tuning) -> Tuning:
        if build.index.tunable is None:
            return _nothing(tuning, f"its {build.index.type} looks at every row, whatever the parameters of a search")
        filters, left_out = chosen_filters(self.database, build)
        return replace(tuning, bands=[(EVERYTHING, None), *filters]).with_more("left_out", *left_out)

    def _give_up(self, step: Step) -> None:
        code = step.error_code or "attempts_exhausted"
        reason = {"code": code, "detail": step.error_detail or "its workers died of it"}
        log.error("build.not_tuned", extra={"build": step.build.id, **reason})
        with self.database.writing() as transaction:
            if finish_step(transaction, step):
                transaction.builds.record(step.build.id, NOT_TUNED, reason)


def _nothing(tuning: Tuning, why: str) -> Tuning:
    return replace(tuning, bands=[], found={**tuning.found, "nothing": why})


def _take(transaction: Transaction, build: Build, tuning: Tuning) -> None:
    """Let searches take what was found."""
    found: list[Mapping[str, Any]] = tuning.found["bands"]
    reached = all(one["reached"] for one in found)
    bands = [Band(one["share"], next(iter(one["search_params"].values())), one["over_fetch"]) for one in found]
    told = {"recall": tuning.recall, "depth": DEPTH, "reached": reached, **tuning.found}
    transaction.builds.set_tuned(build.id, replace(build.index, bands=tuple(bands)), told)
    short = {"recall": tuning.recall, "reached": reached, "bands": len(bands)}
    transaction.builds.record(build.id, TUNED, short)
    log.info("build.tuned", extra={"build": build.id, **short})
