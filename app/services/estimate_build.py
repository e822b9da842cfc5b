"""The estimate of a build: what there is to do, and from a measured sample how long and how large that will be.

A step of the build, in two parts. The first counts; where contents have no embedding it goes to those who encode, who
alone can measure the model. The second writes a sample beside the build, and tells. The build then goes on, or ends
with that where no more was asked for, or where there is no room for it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import BuildState
from app.domain.estimates import ESTIMATED, RESERVE_BYTES, Counted, Estimate
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore
from app.services.count_build import Inventory
from app.services.encode_page import PageEncoder
from app.services.end_build import end_build
from app.services.finish_step import finish_step
from app.services.held_step import StepLost
from app.services.measure_encoding import measure_encoding
from app.services.measure_writing import measure_writing
from app.services.product_pages import pages_of

log = logging.getLogger(__name__)

_GB = 10**9


@dataclass(frozen=True, slots=True)
class Estimator:
    """Everything that estimates need. `page` is how many products a step of filling brings, `lanes` how many steps
    are done at once; `together` says that one process encodes and writes."""

    database: Database
    store: VectorStore
    encoder: PageEncoder
    lease: timedelta
    page: int
    lanes: int
    together: bool

    def step(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Do a part of the estimate; False where another worker has the step.

        Counting is not ended by `pause`, which ends what is measured: a turn that is over would begin it anew.
        """
        if step.page.told:
            try:
                self._tell(step, self._estimate(step, Counted.read(step.page.told)))
            except StepLost:
                return False
            return True
        return self._count(step, pause)

    def _count(self, step: Step, pause: Callable[[], bool]) -> bool:
        inventory = Inventory(step.build)
        with self.database.reading() as transaction:
            pages = pages_of(transaction, step.build.catalog, self.page)
        for page in pages:
            with self.database.reading() as transaction:
                inventory.add(transaction, page.after, page.up_to)
            if inventory.counted.lacking and step.stage is Stage.INDEX:
                with self.database.writing() as transaction:
                    transaction.build_steps.hand_over(step, Stage.ENCODE)
                return True
            if not self._go_on(step):
                return False
        counted: Counted | None = inventory.counted
        if inventory.counted.lacking:
            counted = measure_encoding(self.encoder, step, inventory.sample, inventory.counted, pause)
        if counted is None:
            return False
        with self.database.writing() as transaction:
            finish_step(transaction, step, NewStep(step.page.kind, told=counted.told))
        return True

    def _go_on(self, step: Step) -> bool:
        with self.database.writing() as transaction:
            return transaction.build_steps.go_on(step, lease=self.lease)

    def _hold(self, step: Step) -> None:
        if not self._go_on(step):
            raise StepLost

    def _estimate(self, step: Step, counted: Counted) -> Estimate:
        build = step.build
        written = measure_writing(self.database, self.store, build, partial(self._hold, step))
        encoding = counted.encoding_ms / 1e3
        writing = written.seconds_of(counted.rows) / self.lanes + written.sealing
        # Pages are written while others are encoded; in one process both want the same cores.
        seconds = encoding + writing if self.together else max(encoding, writing)
        if build.rate:
            seconds = max(seconds, counted.products / build.rate)
        free, overhead = self.store.free_bytes(), self.store.row_overhead
        return Estimate(build, counted, written.rows, writing, seconds, written.row_bytes, overhead, free)

    def _tell(self, step: Step, estimate: Estimate) -> None:
        build, told = step.build, estimate.told
        dry = step.page.kind is StepKind.DRY_RUN
        following = [NewStep(StepKind.OPEN)] if estimate.fits and not dry else []
        with self.database.writing() as transaction:
            if not finish_step(transaction, step, *following):
                return
            if dry:
                end_build(transaction, build, BuildState.ABORTED, ESTIMATED, told=told)
            else:
                transaction.builds.record(build.id, ESTIMATED, told)
            if not (dry or estimate.fits):
                reason = _short(estimate)
                why = {"code": reason.code, "detail": reason.detail}
                end_build(transaction, build, BuildState.FAILED, "failed", reason=reason, told=why)
        log.info("build.estimated", extra={"build": build.id, "dry_run": dry, **told})


def _short(estimate: Estimate) -> Failure:
    needed, free = (f"{value / _GB:.2f} GB" for value in (estimate.needed + RESERVE_BYTES, estimate.free or 0))
    return Failure(
        "disk_short",
        f"the build needs {needed} where the vectors lie, {RESERVE_BYTES / _GB:.2f} GB of that for what comes "
        f"meanwhile, and {free} is free: make room, or retire a build that is kept for a rollback",
    )
