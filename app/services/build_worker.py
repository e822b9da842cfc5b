"""The work of builds: claim a step, do it, write down what became of it.

Failures are decided here as `run_stage` decides those of uploads: an outside thing that does not answer costs no
attempt; anything else costs one, and after the last the build has failed, with a reason. Only dropping the
collections of a build that has ended, and reconciling, are tried again and again: no build fails of them.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import BuildState
from app.domain.errors import VitrineError
from app.domain.uploads import MAX_ATTEMPTS, Stage
from app.ports.database import Database
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore
from app.services.check_build import Checker
from app.services.encode_page import PageEncoder
from app.services.end_build import GRACE, end_build
from app.services.fill_build import Filler
from app.services.finish_step import finish_step
from app.services.reconcile import Reconciler
from app.services.run_stage import NO_UPLOADS_FAULT, OUTAGE_DELAY, RETRY_DELAY

log = logging.getLogger(__name__)

_NEVER_ENDING = (StepKind.DROP, StepKind.RECONCILE)

SEAL_PRODUCTS = 20_000
"""Brought between two seals: 40 MB of 512 dimensions, a segment that is worth an index of its own for a while."""

INDEXING_DELAY = timedelta(seconds=1)
"""Until a store is asked again whether it has indexed everything, which takes it seconds to minutes."""

_LOOK_AGAIN_S = 0.05  # a batch of uploads takes a second; what waits for it is one step a build


@dataclass(frozen=True, slots=True)
class BuildWorker:
    """Everything that the work of builds needs. `page` is how many products a step of filling brings.

    `lanes` is how many steps are done at once, in `pool`: a server makes whoever reads back what was written wait.
    """

    database: Database
    store: VectorStore
    filler: Filler
    encoder: PageEncoder
    checker: Checker
    reconciler: Reconciler
    lease: timedelta
    page: int
    pool: Executor
    lanes: int

    def step(self, stage: Stage, pause: Callable[[], bool]) -> bool:
        """Do the next steps that are due for the workers of a stage; False where there was none.

        `pause` is called inside of long steps, which end early where it says to stop.
        """
        at_once = self.lanes if stage is Stage.INDEX else 1  # a model has one device
        steps: list[Step] = []
        while len(steps) < at_once and (step := self._claimed(stage)) is not None:
            steps.append(step)
        beside = [self.pool.submit(self._work, one, pause) for one in steps[1:]]
        for one in steps[:1]:
            self._work(one, pause)
        for done in beside:
            done.result()
        return bool(steps)

    def _claimed(self, stage: Stage) -> Step | None:
        with self.database.writing() as transaction:
            return transaction.build_steps.claim(stage, lease=self.lease)

    def _work(self, step: Step, pause: Callable[[], bool]) -> None:
        try:
            self._do(step, pause)
        except NO_UPLOADS_FAULT as error:
            told = {"build": step.build.id, "step": step.page.kind.value, "code": error.code, "detail": error.detail}
            log.warning("build.outage", extra=told)
            self._give_back(step, Failure(error.code, error.shown), OUTAGE_DELAY, blameless=True)
        except Exception as error:
            log.exception("build.step_failed", extra={"build": step.build.id, "step": step.page.kind.value})
            code = error.code if isinstance(error, VitrineError) else "attempt_failed"
            reason = Failure(code, "the attempt ended without a result: the log of the service says more")
            never_ends = step.page.kind in _NEVER_ENDING
            delay = GRACE if never_ends else RETRY_DELAY * (1 << step.attempts)
            self._give_back(step, reason, delay, blameless=never_ends)

    def _do(self, step: Step, pause: Callable[[], bool]) -> None:
        match step.page.kind:
            case StepKind.DROP:
                self._drop(step)
            case StepKind.RECONCILE:
                self.reconciler.step(step, pause)
            case _ if step.attempts > MAX_ATTEMPTS:
                self._fail(step)
            case StepKind.OPEN:
                self._open(step)
            case StepKind.SLICE:
                self._slice(step, pause)
            case StepKind.FILL if step.stage is Stage.ENCODE:
                if not self.encoder.encode(step, pause):
                    self._stopped(step)
            case StepKind.FILL:
                self._fill(step)
            case StepKind.CHECK:
                self._check(step)

    def _open(self, step: Step) -> None:
        """From here on every upload goes to the build."""
        build = step.build
        for collection in (build.images, build.texts):
            self.store.create(collection, dimension=build.encoder.dimension, index=build.index)
        with self.database.writing() as transaction:
            if finish_step(transaction, step, NewStep(StepKind.SLICE)):
                transaction.builds.take_uploads(build.id, takes=True)
                transaction.builds.record(build.id, "opened", {})

    def _slice(self, step: Step, pause: Callable[[], bool]) -> None:
        """Divide what is there into pages, once the uploads are through that began before the build was opened."""
        catalog = step.build.catalog
        with self.database.reading() as transaction:
            before = transaction.uploads.being_indexed(catalog)
        until = time.monotonic() + self.lease.total_seconds() / 2
        while before:
            stopping = pause()
            with self.database.reading() as transaction:
                before &= transaction.uploads.being_indexed(catalog)
            if before and (stopping or time.monotonic() > until):
                self._stopped(step)
                return
            time.sleep(_LOOK_AGAIN_S if before else 0)
        with self.database.writing() as transaction:
            ends = transaction.products.page_ends(catalog, self.page)
            afters = ["", *(last for last, _ in ends)]
            pages = [
                NewStep(StepKind.FILL, after, last, size) for after, (last, size) in zip(afters, ends, strict=False)
            ]
            finish_step(transaction, step, *pages)

    def _fill(self, step: Step) -> None:
        """Bring a page; now and then the store is told to index what it has, while the next ones are brought."""
        self.filler.fill(step)
        if step.number % max(1, SEAL_PRODUCTS // self.page) == 0:
            self._seal(step)

    def _seal(self, step: Step) -> None:
        for collection in (step.build.images, step.build.texts):
            self.store.seal(collection)

    def _check(self, step: Step) -> None:
        """Check a build once the store has indexed what it was given, which it may do minutes later."""
        collections = (step.build.images, step.build.texts)
        if not step.touched:
            self._seal(step)
            with self.database.writing() as transaction:
                transaction.build_steps.go_on(step, lease=self.lease, touched=True)
        waiting = sum(self.store.unindexed(collection) for collection in collections)
        if waiting:
            reason = Failure("indexing", f"the vector store indexes {waiting} rows")
            self._give_back(step, reason, INDEXING_DELAY, blameless=True)
            return
        with self.database.writing() as transaction:
            transaction.builds.record(step.build.id, "indexed", {})
        self.checker.check(step)

    def _drop(self, step: Step) -> None:
        for collection in (step.build.images, step.build.texts):
            self.store.drop(collection)
        with self.database.writing() as transaction:
            transaction.holdings.clear(step.build.id)
            if finish_step(transaction, step):
                transaction.builds.record(step.build.id, "dropped", {})

    def _fail(self, step: Step) -> None:
        reason = Failure(step.error_code or "attempts_exhausted", step.error_detail or "its workers died of it")
        log.error("build.failed", extra={"build": step.build.id, "code": reason.code, "step": step.page.kind.value})
        with self.database.writing() as transaction:
            transaction.builds.hold_still(step.build.catalog)
            if transaction.build_steps.finish(step):
                told = {"code": reason.code, "detail": reason.detail, "step": step.page.kind.value}
                end_build(transaction, step.build, BuildState.FAILED, "failed", reason=reason, told=told)

    def _stopped(self, step: Step) -> None:
        self._give_back(step, Failure("stopped", "its worker was stopped"), timedelta(), blameless=True)

    def _give_back(self, step: Step, reason: Failure, delay: timedelta, *, blameless: bool) -> None:
        with self.database.writing() as transaction:
            transaction.build_steps.release(step, reason, delay=delay, blameless=blameless)
