"""The first steps of a build, making its collections and dividing the products into pages, and its last."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import Build, BuildState
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.end_build import end_build
from app.services.finish_step import finish_step
from app.services.make_collections import make_collections
from app.services.product_pages import pages_of

_BURST_S = 5.0
_LOOK_AGAIN_S = 0.05  # a batch of uploads takes a second; what waits for it is one step a build


@dataclass(frozen=True, slots=True)
class Opener:
    """Everything that opening and dropping need. `page` is how many products a step of filling brings."""

    database: Database
    store: VectorStore
    lease: timedelta
    page: int

    def open(self, step: Step, _pause: Callable[[], bool]) -> bool:
        """Make the collections of a build: from here on every upload goes to it. A dry run ends instead."""
        build = step.build
        if build.dry_run:  # its estimate was made by a worker that took it for a build
            with self.database.writing() as transaction:
                if finish_step(transaction, step):
                    end_build(transaction, build, BuildState.ABORTED, "aborted")
            return True
        make_collections(self.store, build)
        with self.database.writing() as transaction:
            if finish_step(transaction, step, NewStep(StepKind.SLICE)):
                transaction.builds.take_uploads(build.id, takes=True)
                transaction.builds.record(build.id, "opened", {})
        return True

    def slice(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Divide what is there into pages, once the uploads are through that began before the build was opened.

        False where `pause`, or half of the lease, said to stop before they were.
        """
        catalog = step.build.catalog
        with self.database.reading() as transaction:
            before = transaction.uploads.being_indexed(catalog)
        until = time.monotonic() + self.lease.total_seconds() / 2
        while before:
            stopping = pause()
            with self.database.reading() as transaction:
                before &= transaction.uploads.being_indexed(catalog)
            if before and (stopping or time.monotonic() > until):
                return False
            time.sleep(_LOOK_AGAIN_S if before else 0)
        with self.database.writing() as transaction:
            pages = pages_of(transaction, catalog, self._page_of(step.build))
            finish_step(transaction, step, *(NewStep(StepKind.FILL, *page) for page in pages))
        return True

    def _page_of(self, build: Build) -> int:
        """A page is written at once: of a build with a rate it holds what a few seconds of that are."""
        return min(self.page, max(1, round(build.rate * _BURST_S))) if build.rate else self.page

    def drop(self, step: Step, _pause: Callable[[], bool]) -> bool:
        """Drop the collections of a build that has ended."""
        build = step.build
        for collection in (*build.collections, *build.rehearsal.collections, *build.trials.values()):
            self.store.drop(collection)
        with self.database.writing() as transaction:
            transaction.holdings.clear(build.id)
            if finish_step(transaction, step):
                transaction.builds.record(build.id, "dropped", {})
        return True
