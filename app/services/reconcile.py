"""Reconciling: every build that takes uploads is compared with the database and repaired, when told to and by itself.

By itself it is a step of each build, which begins anew when it has ended. A turn of a worker may end long before all
of a large catalog is compared: what is compared, and what was found so far, stands in the step.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import Build, BuildState
from app.domain.drift import Reconciled
from app.domain.products import unknown_catalog
from app.ports.database import Database, Transaction
from app.services.find_drift import DriftFinder
from app.services.finish_step import finish_step

log = logging.getLogger(__name__)

PAGE = 2_000
"""Products that are compared at a time: with twice as many a process passes 200 MB."""

AT_ONCE = 2
"""Pages that are compared side by side: the store searches for one while the other's rows are read."""

RECONCILED = "reconciled"


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Everything that reconciling needs. `every` is the time between two runs of a build; None: none by itself.

    Pages are compared side by side in `pool`, which is not that of the finder: they wait for what that does.
    """

    database: Database
    finder: DriftFinder
    pool: Executor
    lease: timedelta
    every: timedelta | None

    def reconcile(self, catalog: str, *, dry_run: bool = False) -> Mapping[str, Reconciled]:
        """Compare and, unless it is a dry run, repair; by build id what was found.

        A build that is being filled is left out: its check compares it. Raises `NotFound` (`unknown_catalog`).
        """
        with self.database.reading() as transaction:
            if transaction.catalogs.get(catalog) is None:
                raise unknown_catalog(catalog)
            builds = transaction.builds.writable([catalog])[catalog]
        live_first = sorted(builds, key=lambda build: build.state is not BuildState.LIVE)
        return {
            build.id: self._whole(build, dry_run) for build in live_first if build.state is not BuildState.BUILDING
        }

    def _whole(self, build: Build, dry_run: bool) -> Reconciled:
        tally, after = self._pages(build, "", dry_run)
        while after:
            found, after = self._pages(build, after, dry_run)
            tally += found
        if not dry_run:
            with self.database.writing() as transaction:
                _record(transaction, build, tally)
        return tally

    def step(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Go on with reconciling a build until `pause`, called between pages, says to stop: another step follows."""
        if self.every is None:
            with self.database.writing() as transaction:
                finish_step(transaction, step)
            return True
        tally, after = Reconciled.read(step.page.told), step.page.after
        while True:
            found, after = self._pages(step.build, after, dry_run=False)
            tally += found
            if not after or pause():
                break
            with self.database.writing() as transaction:
                if not transaction.build_steps.go_on(step, lease=self.lease):
                    return True
        with self.database.writing() as transaction:
            following = NewStep(StepKind.RECONCILE, after=after, told=tally.told if after else {})
            if finish_step(transaction, step):
                delay = timedelta() if after else self.every
                transaction.build_steps.add(step.build.id, [following], delay=delay)
                if not after:
                    _record(transaction, step.build, tally)
        return True

    def _pages(self, build: Build, after: str, dry_run: bool) -> tuple[Reconciled, str]:
        """What was found of the next products, and where to go on; '' where those were the last."""
        if not after and not dry_run:
            self.finder.bring_back(build)
        bounds = self._bounds(build, after)
        examined = list(self.pool.map(lambda ends: self.finder.examine(build, *ends), bounds))
        drifted = {place: kind for one in examined for place, kind in one.drifted.items()}
        repaired = self.finder.repair(build, drifted) if drifted and not dry_run else 0
        if drifted:
            told = {
                "build": build.id,
                "rows": len(drifted),
                "repaired": repaired,
                "some": sorted(place.id for place in drifted)[:10],
            }
            log.warning("build.drifted", extra=told)
        return Reconciled().with_more(sum(one.rows for one in examined), drifted.values(), repaired), bounds[-1][1]

    def _bounds(self, build: Build, after: str) -> list[tuple[str, str]]:
        """The next pages, each with the products before and at its end; '' where it is the last."""
        bounds: list[tuple[str, str]] = []
        with self.database.reading() as transaction:
            while len(bounds) < AT_ONCE and (after or not bounds):
                up_to = transaction.products.page_end(build.catalog, after, PAGE)
                bounds.append((after, up_to))
                after = up_to
        return bounds

    def schedule(self) -> None:
        """Give every build a step to be reconciled by that lacks one."""
        if self.every is None:
            return
        with self.database.reading() as transaction:
            lacking = transaction.build_steps.lacking(StepKind.RECONCILE)
        for build in lacking:
            with self.database.writing() as transaction:
                transaction.builds.hold_still(build.catalog)  # another sweep may be at it
                if build.id in {one.id for one in transaction.build_steps.lacking(StepKind.RECONCILE)}:
                    transaction.build_steps.add(build.id, [NewStep(StepKind.RECONCILE)], delay=self.every)


def _record(transaction: Transaction, build: Build, tally: Reconciled) -> None:
    transaction.builds.record(build.id, RECONCILED, tally.told)
    log.info("build.reconciled", extra={"build": build.id, **tally.told})
