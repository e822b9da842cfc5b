"""What the steps of builds tell, without taking one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, not_, or_, select

from app.adapters.postgres.build_reading import read_build
from app.adapters.postgres.build_tables import IS_UNDONE, build_steps, builds
from app.domain.build_steps import Progress, StepKind
from app.domain.builds import Build, BuildState
from app.domain.uploads import Stage
from app.ports.uploads import Failure

IS_PAGE = build_steps.c.kind == StepKind.FILL
# While a release rolls out, another may write steps that are for its own workers.
IS_KNOWN = build_steps.c.kind.in_(list(StepKind))
OF_BUILD = builds.c.id == build_steps.c.build_id


class BuildStepReads:
    """The half of `BuildSteps` that only reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lacking(self, kind: StepKind) -> list[Build]:
        """The builds that take uploads and are filled, and have no step of this kind to be done."""
        there = exists().where(OF_BUILD, build_steps.c.kind == kind, IS_UNDONE)
        filled = and_(builds.c.takes_uploads, builds.c.state != BuildState.BUILDING, not_(there))
        return [read_build(row) for row in self._connection.execute(select(builds).where(filled))]

    def left(self, build_id: str) -> int:
        """How many steps of a build are not done."""
        statement = select(func.count()).where(build_steps.c.build_id == build_id, IS_UNDONE)
        return self._connection.execute(statement).scalar_one()

    def waiting(self, build_id: str) -> Failure | None:
        """Why a step of a build is tried again, where one is that nobody has taken."""
        waits = and_(IS_UNDONE, build_steps.c.token.is_(None), build_steps.c.error_code.is_not(None))
        statement = select(build_steps.c.error_code, build_steps.c.error_detail).where(
            build_steps.c.build_id == build_id, waits
        )
        row = self._connection.execute(statement.order_by(build_steps.c.number.desc()).limit(1)).one_or_none()
        return Failure(row.error_code, row.error_detail) if row else None

    def told(self, build_id: str, kind: StepKind) -> tuple[Mapping[str, Any], Failure | None] | None:
        """What stands in a step of this kind that is to be done, and why it is tried again, if nobody has it."""
        statement = select(
            build_steps.c.tally, build_steps.c.token, build_steps.c.error_code, build_steps.c.error_detail
        ).where(build_steps.c.build_id == build_id, IS_UNDONE, build_steps.c.kind == kind)
        row = self._connection.execute(statement.limit(1)).one_or_none()
        if row is None:
            return None
        waits = row.token is None and row.error_code is not None
        return row.tally, Failure(row.error_code, row.error_detail) if waits else None

    def progress(self, build_id: str) -> Progress:
        """How far a build is filled."""
        done = build_steps.c.done_at.is_not(None)
        of_build = build_steps.c.build_id == build_id
        sliced = build_steps.c.kind == StepKind.SLICE
        began = select(func.max(build_steps.c.done_at)).where(of_build, sliced)
        row = self._connection.execute(
            select(
                func.coalesce(func.sum(build_steps.c.products), 0),
                func.coalesce(func.sum(build_steps.c.products).filter(done), 0),
                began.scalar_subquery(),
                func.max(build_steps.c.done_at),
            ).where(of_build, IS_PAGE)
        ).one()
        return Progress(*row)

    def next_due(self) -> dict[Stage, datetime]:
        """When the next step of each stage may be taken."""
        later = and_(IS_PAGE, not_(build_steps.c.paid), builds.c.fills_at > build_steps.c.due_at)
        moment = case((later, builds.c.fills_at), else_=build_steps.c.due_at)
        statement = (
            select(build_steps.c.stage, func.min(moment))
            .join(builds, OF_BUILD)
            .where(IS_UNDONE, IS_KNOWN, or_(not_(IS_PAGE), builds.c.rate.is_(None), builds.c.rate > 0))
            .group_by(build_steps.c.stage)
        )
        return {Stage(stage): at for stage, at in self._connection.execute(statement)}
