"""Checking a build: its store indexes what it was given, kept queries are encoded, and the gate judges it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.builds import Build, BuildState
from app.domain.errors import EncoderError
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.await_index import still_indexing
from app.services.compare_estimate import against_estimate
from app.services.content_encoder import ContentEncoder
from app.services.encode_contents import Missing
from app.services.finish_step import finish_step
from app.services.gate import Gate, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checker:
    """Everything that checking needs. `batch` is how many queries are encoded between two looks at uploads."""

    database: Database
    store: VectorStore
    gate: Gate
    contents: ContentEncoder
    lease: timedelta
    batch: int

    def check(self, step: Step, _pause: Callable[[], bool]) -> bool:
        """Write a report down; the build is ready then, whether it may go live or not.

        Kept queries that have no embedding are handed to those who encode. What the store has not indexed yet is
        waited for, which may be for minutes.
        """
        build = step.build
        live = self._live(build)
        if not step.page.told and self._lacking(build, live):
            with self.database.writing() as transaction:
                transaction.build_steps.hand_over(step, Stage.ENCODE)
        elif not still_indexing(self.database, self.store, step, self.lease):
            with self.database.writing() as transaction:
                transaction.builds.record(build.id, "indexed", {})
            self._write_down(step, self.gate.judge(build, live, self._going_on(step)))
        return True

    def _going_on(self, step: Step) -> Callable[[], None]:
        """Begins the lease anew when a quarter of it is over, however often it is called."""
        quarter = self.lease.total_seconds() / 4
        due = time.monotonic() + quarter

        def go_on() -> None:
            nonlocal due
            if time.monotonic() > due:
                due = time.monotonic() + quarter
                with self.database.writing() as transaction:
                    transaction.build_steps.go_on(step, lease=self.lease)

        return go_on

    def encode(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Encode the words of kept queries for both builds; False where `pause` said to stop.

        `pause` is called between batches; what was encoded by then is stored. A live build whose model is no longer
        there is not asked: it could answer nobody.
        """
        build, count = step.build, 0
        for some in self._portions(self._lacking(build, self._live(build))):
            try:
                begun = self.contents.begin(some)
            except EncoderError as error:
                if some.spec.fingerprint == build.encoder.fingerprint:
                    raise
                log.warning("build.live_not_asked", extra={"build": build.id, "detail": error.detail})
                continue
            encoded = self.contents.finish(begun)
            for failure in encoded.errors.values():
                raise failure
            count += len(encoded.vectors)
            with self.database.writing() as transaction:
                transaction.embeddings.add(some.spec.fingerprint, encoded.vectors)
                mine = transaction.build_steps.go_on(step, lease=self.lease)
            if not mine or pause():
                return False
        with self.database.writing() as transaction:
            finish_step(transaction, step, NewStep(StepKind.CHECK, told={"words": count}))
        return True

    def _live(self, build: Build) -> Build | None:
        with self.database.reading() as transaction:
            return transaction.builds.live(build.catalog)

    def _lacking(self, build: Build, live: Build | None) -> list[Missing]:
        return self.gate.replayer.lacking([build, live]) if live else []

    def _portions(self, lacking: Sequence[Missing]) -> Iterator[Missing]:
        for some in lacking:
            texts = list(some.captions.items())
            for start in range(0, len(texts), self.batch):
                yield Missing(some.spec, [], dict(texts[start : start + self.batch]))

    def _write_down(self, step: Step, verdict: Verdict) -> None:
        build = step.build
        with self.database.writing() as transaction:
            if not finish_step(transaction, step):
                return
            now = transaction.builds.get(build.id)
            if now is None or now.state not in (BuildState.BUILDING, BuildState.READY):
                return  # it went live while it was checked again
            what = "ready" if now.state is BuildState.BUILDING else "checked"
            transaction.builds.set_report(build.id, verdict.told)
            transaction.builds.set_state(build.id, BuildState.READY)
            told = {"passed": verdict.passed, **(against_estimate(transaction, build.id) if what == "ready" else {})}
            transaction.builds.record(build.id, what, told)
        log.info(f"build.{what}", extra={"build": build.id, **told})
