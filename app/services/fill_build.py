"""Bringing a page of products into a build, while uploads go on.

Every upload that is taken up after a build was opened goes to the build too; a page brings what was there before.
Both may write one product at once, so a page looks at the truth once more after it has written: what was overtaken
meanwhile is written again in its newest version, until nothing was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.domain.errors import StoreUnavailable
from app.domain.uploads import ProductVersion, Stage, UploadState
from app.ports.database import Database, Transaction
from app.ports.products import Standing
from app.ports.vectors import VectorStore
from app.services.build_writes import Writes, note_written, plan_writes, write
from app.services.finish_step import finish_step

ROUNDS = 20
"""How often a page is written again for what has overtaken it: a product that changes faster is tried again later."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Everything that filling needs."""

    database: Database
    store: VectorStore
    lease: timedelta

    def fill(self, step: Step) -> None:
        """Write the page of a step; where contents have no embedding yet it is handed to those who encode."""
        build = step.build
        if step.touched:
            self._note_remains(step)
        with self.database.reading() as transaction:
            page = transaction.products.standing_between(build.catalog, step.page.after, step.page.up_to)
        due = sorted(name for name, one in page.items() if to_write(one, again=step.touched))
        written: dict[str, int] = {}
        for _ in range(ROUNDS):
            with self.database.writing() as transaction:
                planned = self._plan(transaction, step, due)
                if not written and planned.writes.unencoded:
                    transaction.build_steps.hand_over(step, Stage.ENCODE)
                    return
                held = transaction.build_steps.go_on(step, lease=self.lease, touched=True)
                if not held and not written:  # once something is written, what that was on top of is mended first
                    return
            wrong = write(self.store, planned.writes)
            written |= {name: one.version for name, one in planned.versions.items()}
            with self.database.writing() as transaction:
                due = self._end(transaction, step, planned, written, wrong)
            if not due:
                return
        raise StoreUnavailable(f"products of the page changed {ROUNDS} times while it was written", code="overtaken")

    def _note_remains(self, step: Step) -> None:
        """Note that a worker that died may have written pictures of any product of the page.

        Of those too that are not brought again: whoever does deletes what their newest version has not.
        """
        build = step.build
        with self.database.writing() as transaction:
            page = transaction.products.standing_between(build.catalog, step.page.after, step.page.up_to)
            transaction.holdings.hold(build.id, transaction.pictures.slots(build.catalog, sorted(page)))

    def _plan(self, transaction: Transaction, step: Step, due: Sequence[str]) -> "Planned":
        build = step.build
        versions = transaction.products.versions(build.catalog, due)
        writes = plan_writes(transaction, build, versions)
        left = {one.product.product_id: one for one in versions if one.product.product_id not in writes.unencoded}
        return Planned(writes, left)

    def _end(
        self,
        transaction: Transaction,
        step: Step,
        planned: "Planned",
        written: Mapping[str, int],
        wrong: set[str],
    ) -> list[str]:
        """Note what is certain, and end the step where all of it is; returns what has to be written again."""
        transaction.builds.hold_still(step.build.catalog)
        now = transaction.products.standing(step.build.catalog, sorted(written))
        certain = {name for name, one in planned.versions.items() if now[name].version == one.version} - wrong
        note_written(transaction, planned.writes, planned.versions, certain)
        overtaken = {
            name
            for name, version in written.items()
            if now[name].version != version and to_write(now[name], again=True)
        }
        again = sorted(overtaken | (wrong & written.keys()))
        if not again:
            finish_step(transaction, step)
        return again


@dataclass(frozen=True, slots=True)
class Planned:
    """What one round writes, and the versions it stands for, by product_id."""

    writes: Writes
    versions: Mapping[str, ProductVersion]


def to_write(standing: Standing, *, again: bool) -> bool:
    """Whether a page has to bring a product, or to bring it again.

    What is still on its way goes to the build with its upload. Where a page may have written it before, that may
    have been on top of the upload: one that may have reached the build is written once more.
    """
    reached = standing.state is UploadState.INDEXED
    if again:
        return reached or standing.state is Stage.INDEX.takes
    return reached and not standing.deleted
