"""Tuning a build: the cheapest search parameters that reach a recall, by the share of products that pass a filter.

Everything is measured on stored vectors and in the build's own collections, which answer queries meanwhile. Each step
does a part, an index type to be compared or a band, and what was found so far stands in the next one: a worker's turn
may end between them, and one that is killed costs the part it was at.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.domain.bands import EVERYTHING
from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import Build, IndexSpec
from app.domain.errors import StoreUnavailable, Unavailable
from app.domain.tuning import Tuning
from app.domain.uploads import MAX_ATTEMPTS
from app.ports.database import Database
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore
from app.services.await_index import DELAY, not_indexed
from app.services.compare_indexes import Comparer, drop_trials
from app.services.end_tuning import TuningEnd, nothing, why
from app.services.exact_answers import Scans
from app.services.finish_step import finish_step
from app.services.held_step import HeldStep, StepLost, Stopped, never
from app.services.measure_searches import Meter
from app.services.run_stage import NO_UPLOADS_FAULT, OUTAGE_DELAY, RETRY_DELAY
from app.services.search_legs import DEPTH
from app.services.searches_first import SearchesFirst
from app.services.stored_vectors import questions_of
from app.services.tune_bands import BandMeter, chosen_filters

log = logging.getLogger(__name__)

TRIES = 3
"""Attempts at an index type that is compared: the build is measured whatever becomes of it."""


class _TrialFailed(Exception):
    """The store answers, and cannot do with the collection of an index type what is to be compared."""


@dataclass(frozen=True, slots=True)
class Tuner:
    """Everything that tuning needs. `stopped` says whether this worker is to stop, which ends a part early."""

    database: Database
    store: VectorStore
    lease: timedelta
    searches: SearchesFirst
    stopped: Callable[[], bool] = never
    scans: Scans = field(default_factory=Scans)

    def step(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Do a part of tuning a build, searches and uploads first; False where the worker was stopped in it.

        After the last attempt, or an hour of waiting in which nothing was measured, the build is said not to be
        tuned, and stays as it was.
        """
        end = TuningEnd(self.database, self.store, step)
        if step.attempts > MAX_ATTEMPTS:
            end.give_up(why(step))
            return True
        held = HeldStep(step, self.database, self.lease, self.searches.rests(pause), self.stopped)
        try:
            self._part(step, held, end)
        except StepLost:
            return True
        except Stopped:
            return False
        except _TrialFailed as error:
            with self.database.writing() as transaction:
                delay = RETRY_DELAY * (1 << step.attempts)
                reason = Failure("trial_failed", str(error))
                transaction.build_steps.release(step, reason, delay=delay, blameless=False)
        except NO_UPLOADS_FAULT as error:
            told = {"build": step.build.id, "step": "tune", "code": error.code, "detail": error.detail}
            log.warning("build.outage", extra=told)
            end.wait(Failure(error.code, error.shown), OUTAGE_DELAY, anew=held.progressed)
        return True

    def _part(self, step: Step, held: HeldStep, end: TuningEnd) -> None:
        tuning = end.so_far
        indexing = not_indexed(self.database, self.store, step, self.lease) if tuning.bands is None else None
        if indexing is not None:
            end.wait(indexing, DELAY)
            return
        tuning = self._further(step, tuning, held)
        with self.database.writing() as transaction:
            following = [NewStep(StepKind.TUNE, told=tuning.told)] if tuning.left else []
            if finish_step(transaction, step, *following) and not following:
                end.take(transaction, tuning)

    def _further(self, step: Step, tuning: Tuning, held: HeldStep) -> Tuning:
        """The same with one part more."""
        build = step.build
        drop_trials(self.store, build)
        questions = questions_of(self.database, build)
        meter = Meter(self.store, questions, held)
        if not len(questions.vectors):
            return self._unasked(build, tuning)
        if tuning.bands is None:
            return self._chosen(build, tuning)
        if tuning.compare:
            return self._compared(step, tuning, meter)
        kind, found = BandMeter(self.database, build, meter, self.scans).measured(tuning.bands, tuning.recall)
        return replace(tuning, bands=tuning.bands[1:]).with_more(kind, found)

    def _unasked(self, build: Build, tuning: Tuning) -> Tuning:
        with self.database.reading() as transaction:
            held = transaction.holdings.count(build.id)
        if held:
            told = f"none of the {held} products of the build can be asked with while all of them are uploaded again"
            raise Unavailable(told, code="all_changing")
        return nothing(replace(tuning, compare=()), "it holds no products to be asked with")

    def _compared(self, step: Step, tuning: Tuning, meter: Meter) -> Tuning:
        """The same with an index type more; one that cannot be tried is passed over after a few attempts."""
        name, *left = tuning.compare
        if step.attempts > TRIES:
            params = dict(IndexSpec.of(name).build_params)
            compared = {"index": name, "rows": 0, "params": params, "passed_over": why(step).detail}
        else:
            try:
                compared = Comparer(self.database, self.store, meter, step.build).compare(name, DEPTH, tuning.recall)
            except StoreUnavailable as error:
                self.store.ping(step.build.collections)  # raises where it is away altogether
                raise _TrialFailed(error.shown) from error
        return replace(tuning, compare=left).with_more("compared", compared)

    def _chosen(self, build: Build, tuning: Tuning) -> Tuning:
        if build.index.tunable is None:
            params = "".join(f", {name} {value}" for name, value in build.index.build_params.items())
            return nothing(tuning, f"its index ({build.index.type}{params}) is exact: a search looks at every row")
        filters, left_out = chosen_filters(self.database, build)
        return replace(tuning, bands=[(EVERYTHING, None), *filters]).with_more("left_out", *left_out)
