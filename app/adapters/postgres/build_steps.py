"""The steps of builds as rows, claimed as uploads are: `due_at` says when one may be taken, a lease moves it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, true, update

from app.adapters.postgres.build_reading import read_build
from app.adapters.postgres.build_step_reads import IS_KNOWN, IS_PAGE, OF_BUILD, BuildStepReads
from app.adapters.postgres.build_tables import IS_UNDONE, build_steps, builds
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import insert
from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.uploads import Stage
from app.ports.uploads import Failure

LONGEST_S = 86_400.0
"""Between two pages, at whatever rate: a day, after which an operator may have forgotten it."""

_NO_REASON: dict[str, Any] = {"error_code": None, "error_detail": None}
_AFRESH: dict[str, Any] = {"token": None, "attempts": 0, **_NO_REASON}


class BuildStepRows(BuildStepReads):
    """`BuildSteps` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        super().__init__(connection)
        self._clock = clock

    def add(self, build_id: str, steps: Sequence[NewStep], *, delay: timedelta = timedelta()) -> None:
        """Append steps to the work of a build, due after `delay`."""
        last = select(func.coalesce(func.max(build_steps.c.number), 0)).where(build_steps.c.build_id == build_id)
        number = self._connection.execute(last).scalar_one()
        rows = [
            {
                "build_id": build_id,
                "number": number + place,
                "kind": step.kind,
                "stage": Stage.INDEX,
                "after": step.after,
                "up_to": step.up_to,
                "products": step.products,
                "tally": dict(step.told),
                "due_at": self._clock.now + delay,
            }
            for place, step in enumerate(steps, start=1)
        ]
        if rows:
            self._connection.execute(insert(self._connection, build_steps), rows)

    def claim(self, stage: Stage, *, lease: timedelta, but: StepKind | None = None) -> Step | None:
        """Take the step that is due longest, dry runs first, `but` for those of a kind, and count the attempt."""
        now = self._clock.now
        allowed = or_(
            build_steps.c.kind != StepKind.FILL,
            builds.c.rate.is_(None),
            and_(builds.c.rate > 0, or_(build_steps.c.paid, builds.c.fills_at.is_(None), builds.c.fills_at <= now)),
        )
        dry_run = build_steps.c.kind == StepKind.DRY_RUN
        asked = true() if but is None else build_steps.c.kind != but
        row = self._connection.execute(
            select(build_steps, builds.c.rate)
            .join(builds, OF_BUILD)
            .where(IS_UNDONE, IS_KNOWN, build_steps.c.stage == stage, build_steps.c.due_at <= now, allowed, asked)
            .order_by(dry_run.desc(), build_steps.c.due_at, build_steps.c.number)
            .limit(1)
            .with_for_update(of=build_steps, skip_locked=True)
        ).one_or_none()
        if row is None or not self._allowed(row, now):
            return None
        taken = {"token": uuid4().hex, "attempts": row.attempts + 1, "paid": True}
        died = row.token is not None  # the one before, and it could not say of what
        self._set(row.build_id, row.number, due_at=now + lease, **taken, **(_NO_REASON if died else {}))
        build = self._connection.execute(select(builds).where(builds.c.id == row.build_id)).one()
        return Step(
            read_build(build),
            row.number,
            NewStep(StepKind(row.kind), row.after, row.up_to, row.products, row.tally or {}),
            stage,
            row.attempts + 1,
            row.touched,
            taken["token"],
            None if died else row.error_code,
            None if died else row.error_detail,
        )

    def _allowed(self, row: Row[Any], now: datetime) -> bool:
        """Count a page against the rate of its build; False where another worker did so just now."""
        if row.kind != StepKind.FILL or row.paid:
            return True
        if row.rate is None:
            return True
        pace = select(builds.c.rate, builds.c.fills_at).where(builds.c.id == row.build_id)
        # Against other workers; whoever writes down what the build holds refers to it, and is not kept waiting.
        build = self._connection.execute(pace.with_for_update(key_share=True)).one()
        if build.rate is None:
            return True
        if build.rate <= 0 or (build.fills_at is not None and build.fills_at > now):
            return False
        then = now + timedelta(seconds=min(row.products / build.rate, LONGEST_S))
        self._connection.execute(update(builds).where(builds.c.id == row.build_id).values(fills_at=then))
        return True

    def go_on(self, step: Step, *, lease: timedelta, touched: bool = False) -> bool:
        """Begin the lease anew; False where the step is no longer this worker's."""
        noted = {"touched": True} if touched else {}
        return self._mine(step, due_at=self._clock.now + lease, **noted)

    def finish(self, step: Step) -> bool:
        """Mark a step as done; False where it is no longer this worker's."""
        return self._mine(step, done_at=self._clock.now, token=None)

    def hand_over(self, step: Step, stage: Stage) -> None:
        """Give a step to the workers of another stage, due at once."""
        self._mine(step, stage=stage, due_at=self._clock.now, **_AFRESH)

    def release(
        self,
        step: Step,
        reason: Failure,
        *,
        delay: timedelta,
        blameless: bool,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Give a step back, due after `delay`; `blameless` takes the attempt back. `told` replaces what it had."""
        self._mine(
            step,
            token=None,
            due_at=self._clock.now + delay,
            attempts=step.attempts - (1 if blameless else 0),
            error_code=reason.code,
            error_detail=reason.detail,
            **({} if told is None else {"tally": dict(told)}),
        )

    def _mine(self, step: Step, **values: Any) -> bool:
        return self._set(step.build.id, step.number, token_was=step.token, **values)

    def _set(self, build_id: str, number: int, *, token_was: str | None = None, **values: Any) -> bool:
        this = and_(build_steps.c.build_id == build_id, build_steps.c.number == number, IS_UNDONE)
        held = this if token_was is None else and_(this, build_steps.c.token == token_was)
        return self._connection.execute(update(build_steps).where(held).values(**values)).rowcount == 1

    def charge_again(self, build_id: str) -> None:
        """Count the pages of a build that are not done against its rate once more."""
        undone = and_(build_steps.c.build_id == build_id, IS_PAGE, IS_UNDONE)
        self._connection.execute(update(build_steps).where(undone).values(paid=False))

    def forget(self, build_id: str) -> None:
        """Drop what is left to do of a build."""
        self._connection.execute(delete(build_steps).where(build_steps.c.build_id == build_id, IS_UNDONE))

    def forget_leases(self) -> None:
        """End every lease."""
        held = and_(IS_UNDONE, build_steps.c.token.is_not(None))
        self._connection.execute(
            update(build_steps).where(held).values(token=None, due_at=self._clock.now, **_NO_REASON)
        )
