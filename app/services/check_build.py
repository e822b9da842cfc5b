"""Checking a build: its store indexes what it was given, kept queries are encoded, and the gate judges it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.domain.builds import UNFINISHED, Build, BuildState
from app.domain.uploads import Stage
from app.domain.verdicts import Verdict
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.await_index import still_indexing
from app.services.compare_estimate import against_estimate
from app.services.finish_step import finish_step
from app.services.gate import Gate
from app.services.held_step import HeldStep, StepLost, Stopped, never
from app.services.searches_first import SearchesFirst

log = logging.getLogger(__name__)

_INDEXED = "indexed"
_EVERY_S = 1.0  # a look at uploads and at the lease, in the middle of a check


@dataclass(frozen=True, slots=True)
class Checker:
    """Everything that checking needs. `stopped` says whether this worker is to stop, which ends judging early."""

    database: Database
    store: VectorStore
    gate: Gate
    lease: timedelta
    searches: SearchesFirst
    stopped: Callable[[], bool] = never

    def check(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Write a report down; the build is ready then, whether it may go live or not.

        What the store has not indexed yet is waited for, which may be for minutes; kept queries that have no
        embedding are handed to those who encode. Judging is done to its end, searches and uploads first: it rests,
        and `pause` is called in it. False where the worker was stopped in it.
        """
        with self.database.reading() as transaction:
            live = transaction.builds.live(step.build.catalog)
            now = transaction.builds.get(step.build.id)
        if now is None or now.state not in UNFINISHED:  # it went live, and was to be checked again
            with self.database.writing() as transaction:
                finish_step(transaction, step)
        elif still_indexing(self.database, self.store, step, self.lease):
            pass
        elif live is not None and not step.page.told and self.gate.replayer.lacking([step.build, live]):
            with self.database.writing() as transaction:
                transaction.build_steps.hand_over(step, Stage.ENCODE)
        else:
            return self._judge(step, live, pause)
        return True

    def _judge(self, step: Step, live: Build | None, pause: Callable[[], bool]) -> bool:
        held = HeldStep(step, self.database, self.lease, pause, self.stopped)
        try:
            held.go_on()
            self._note_indexed(step)
            go_on = self.searches.rests(_now_and_then(held.go_on))
            verdict = self.gate.judge(step.build, live, go_on)
        except StepLost:
            return True
        except Stopped:
            return False
        self._write_down(step, verdict)
        return True

    def _note_indexed(self, step: Step) -> None:
        """Once: a check may be begun many times."""
        with self.database.writing() as transaction:
            if _INDEXED not in {event.what for event in transaction.builds.events(step.build.id)}:
                transaction.builds.record(step.build.id, _INDEXED, {})

    def _write_down(self, step: Step, verdict: Verdict) -> None:
        build = step.build
        with self.database.writing() as transaction:
            if not finish_step(transaction, step):
                return
            now = transaction.builds.get(build.id)
            if now is None or now.state not in UNFINISHED:
                return  # it went live while it was checked again
            first = now.state is BuildState.BUILDING
            what = "ready" if first else "checked"
            told = {"passed": verdict.passed, **(against_estimate(transaction, build.id) if first else {})}
            transaction.builds.set_report(build.id, verdict.told)
            transaction.builds.set_state(build.id, BuildState.READY)
            transaction.builds.record(build.id, what, told)
        log.info(f"build.{what}", extra={"build": build.id, **told})


def _now_and_then(go_on: Callable[[], None]) -> Callable[[], None]:
    """The same, passed over where it was called just now."""
    due = time.monotonic() + _EVERY_S

    def called() -> None:
        nonlocal due
        if time.monotonic() >= due:
            go_on()
            due = time.monotonic() + _EVERY_S

    return called
