"""Filling a build: a page of products at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.domain.uploads import Stage
from app.ports.database import Database, Transaction
from app.ports.vectors import VectorStore
from app.services.bring_products import Bringing, bring, to_write
from app.services.build_writes import Writes
from app.services.finish_step import finish_step

SEAL_PRODUCTS = 20_000
"""Brought between two seals: 40 MB of 512 dimensions, a segment that is worth an index of its own for a while."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Everything that filling needs. `page` is how many products a step brings."""

    database: Database
    store: VectorStore
    lease: timedelta
    page: int

    def fill(self, step: Step, _pause: Callable[[], bool]) -> bool:
        """Write the page of a step; where contents have no embedding yet it is handed to those who encode.

        Now and then the store is told to index what it has, while the next pages are brought.
        """
        build = step.build
        if step.touched:
            self._note_remains(step)
        with self.database.reading() as transaction:
            page = transaction.products.standing_between(build.catalog, step.page.after, step.page.up_to)
        due = sorted(name for name, one in page.items() if to_write(one, again=step.touched))

        def begin(transaction: Transaction, writes: Writes, first: bool) -> bool:
            if first and writes.unencoded:
                transaction.build_steps.hand_over(step, Stage.ENCODE)
                return False
            # Once something is written, what that was on top of is mended, whoever has the step now.
            return transaction.build_steps.go_on(step, lease=self.lease, touched=True) or not first

        def end(transaction: Transaction) -> None:
            finish_step(transaction, step)

        bring(self.database, self.store, Bringing(build, due, begin, end))
        if step.number % max(1, SEAL_PRODUCTS // self.page) == 0:
            for collection in build.collections:
                self.store.seal(collection)
        return True

    def _note_remains(self, step: Step) -> None:
        """Note that a worker that died may have written pictures of any product of the page.

        Of those too that are not brought again: whoever does deletes what their newest version has not.
        """
        build = step.build
        with self.database.writing() as transaction:
            page = transaction.products.standing_between(build.catalog, step.page.after, step.page.up_to)
            transaction.holdings.hold(build.id, transaction.pictures.slots(build.catalog, sorted(page)))
