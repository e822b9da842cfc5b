"""The work of builds: claim a step, do it, write down what became of it.

Failures are decided here as `run_stage` decides those of uploads: an outside thing that does not answer costs no
attempt; anything else costs one, and after the last the build has failed, with a reason. No build fails of being
tuned, of reconciling, or of dropping its collections once it has ended: the last two are tried again and again.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import BUILDING, ESTIMATING, Step, StepKind
from app.domain.builds import BuildState
from app.domain.errors import VitrineError
from app.domain.uploads import MAX_ATTEMPTS, Stage
from app.ports.database import Database
from app.ports.uploads import Failure
from app.services.check_build import Checker
from app.services.encode_page import PageEncoder
from app.services.encode_words import WordEncoder
from app.services.end_build import GRACE, end_build
from app.services.estimate_build import Estimator
from app.services.fill_build import Filler
from app.services.open_build import Opener
from app.services.reconcile import Reconciler
from app.services.run_stage import NO_UPLOADS_FAULT, OUTAGE_DELAY, RETRY_DELAY
from app.services.tune import Tuner

log = logging.getLogger(__name__)

_NEVER_ENDING = (StepKind.DROP, StepKind.RECONCILE)
_SPARING = (*_NEVER_ENDING, StepKind.TUNE)  # however often these are begun, the build does not fail of it
_LOOK_AGAIN_S = 0.5  # beside a step that may take minutes

Work = Callable[[Step, Callable[[], bool]], bool]
"""Does a step. What it is given besides says to stop early; False where it did, and the step goes on later."""


@dataclass(frozen=True, slots=True)
class BuildWorker:
    """Everything that the work of builds needs.

    `lanes` is how many steps are done at once, in `pool`: a server makes whoever reads back what was written wait.
    While a build is tuned, which takes minutes, the other lanes go on with whatever comes to be due; where there is
    one lane alone, for a store that has one writer, all waits for the part that is measured.
    """

    database: Database
    opener: Opener
    filler: Filler
    estimator: Estimator
    encoder: PageEncoder
    checker: Checker
    words: WordEncoder
    reconciler: Reconciler
    tuner: Tuner
    lease: timedelta
    pool: Executor
    lanes: int

    def step(self, stage: Stage, pause: Callable[[], bool]) -> bool:
        """Do the next steps that are due for the workers of a stage; False where there was none.

        `pause` is called inside of long steps, which end early where it says to stop.
        """
        first = self._claimed(stage)
        if first is None:
            return False
        others = self.lanes - 1 if stage is Stage.INDEX else 0  # a model has one device
        over = threading.Event()
        patient = first.page.kind is StepKind.TUNE
        beside = [self.pool.submit(self._beside, stage, pause, over, patient) for _ in range(others)]
        try:
            self._work(first, pause)
        finally:
            over.set()
        for done in beside:
            done.result()
        return True

    def _beside(self, stage: Stage, pause: Callable[[], bool], over: threading.Event, patient: bool) -> None:
        """Do what is due, but for tuning, until the step that keeps this worker is over; `patient`: wait for more.

        Who is not, ends: a step that outlives its lease is taken over by another worker, not by a lane of the same.
        """
        while not over.is_set():
            step = self._claimed(stage, but=StepKind.TUNE)
            if step is not None:
                self._work(step, pause)
            elif patient:
                over.wait(_LOOK_AGAIN_S)
            else:
                return
            if not over.is_set():
                pause()  # uploads go first

    def _claimed(self, stage: Stage, *, but: StepKind | None = None) -> Step | None:
        with self.database.writing() as transaction:
            return transaction.build_steps.claim(stage, lease=self.lease, but=but)

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
            # No further doubling: what never ends may have been tried any number of times.
            delay = GRACE if never_ends else RETRY_DELAY * (1 << min(step.attempts, MAX_ATTEMPTS))
            self._give_back(step, reason, delay, blameless=never_ends)

    def _do(self, step: Step, pause: Callable[[], bool]) -> None:
        if step.attempts > MAX_ATTEMPTS and step.page.kind not in _SPARING:
            self._fail(step)
        elif not self._works[step.page.kind, step.stage](step, pause):
            self._give_back(step, Failure("stopped", "its worker was stopped"), timedelta(), blameless=True)

    @property
    def _works(self) -> Mapping[tuple[StepKind, Stage], Work]:
        return {
            **{(kind, stage): self.estimator.step for kind in ESTIMATING for stage in BUILDING},
            (StepKind.OPEN, Stage.INDEX): self.opener.open,
            (StepKind.SLICE, Stage.INDEX): self.opener.slice,
            (StepKind.FILL, Stage.INDEX): self.filler.fill,
            (StepKind.FILL, Stage.ENCODE): self.encoder.encode,
            (StepKind.CHECK, Stage.INDEX): self.checker.check,
            (StepKind.CHECK, Stage.ENCODE): self.words.encode,
            (StepKind.RECONCILE, Stage.INDEX): self.reconciler.step,
            (StepKind.TUNE, Stage.INDEX): self.tuner.step,
            (StepKind.DROP, Stage.INDEX): self.opener.drop,
        }

    def _fail(self, step: Step) -> None:
        """End the build; one that was ready before keeps what it has, and is only said not to be checked."""
        reason = Failure(step.error_code or "attempts_exhausted", step.error_detail or "its workers died of it")
        told = {"code": reason.code, "detail": reason.detail, "step": step.page.kind.value}
        with self.database.writing() as transaction:
            transaction.builds.hold_still(step.build.catalog)
            now = transaction.builds.get(step.build.id)
            if not transaction.build_steps.finish(step) or now is None:
                return
            if now.state is BuildState.BUILDING:
                end_build(transaction, now, BuildState.FAILED, "failed", reason=reason, told=told)
            else:
                transaction.builds.record(now.id, f"{step.page.kind} failed", told)
        log.error("build.failed", extra={"build": step.build.id, **told})

    def _give_back(self, step: Step, reason: Failure, delay: timedelta, *, blameless: bool) -> None:
        with self.database.writing() as transaction:
            transaction.build_steps.release(step, reason, delay=delay, blameless=blameless)
