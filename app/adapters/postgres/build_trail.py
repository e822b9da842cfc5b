"""What happened to builds, as rows, until it is forgotten: events, and contents that their encoders failed on."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, not_, select

from app.adapters.postgres.build_tables import (
    IS_UNDONE,
    build_events,
    build_failures,
    build_products,
    build_steps,
    builds,
)
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import insert, one_of
from app.domain.build_steps import BuildEvent
from app.ports.uploads import Failure

_OF_BUILDS = (build_events, build_failures, build_products, build_steps)


class BuildTrail:
    """The part of `Builds` that tells what happened to them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def record(self, build_id: str, what: str, told: Mapping[str, Any]) -> None:
        """Write down that something happened to a build."""
        row = {"build_id": build_id, "at": self._clock.now, "what": what, "told": dict(told)}
        self._connection.execute(insert(self._connection, build_events), row)

    def events(self, build_id: str) -> list[BuildEvent]:
        """What happened to a build, oldest first."""
        statement = select(build_events).where(build_events.c.build_id == build_id).order_by(build_events.c.id)
        return [BuildEvent(row.at, row.what, row.told) for row in self._connection.execute(statement)]

    def last_events(self, what: str) -> list[BuildEvent]:
        """When this last happened to each build that takes uploads."""
        last = (
            select(func.max(build_events.c.id))
            .join(builds, and_(builds.c.id == build_events.c.build_id, builds.c.takes_uploads))
            .where(build_events.c.what == what)
            .group_by(build_events.c.build_id)
        )
        rows = self._connection.execute(select(build_events).where(build_events.c.id.in_(last)))
        return [BuildEvent(row.at, row.what, row.told) for row in rows]

    def fail_contents(self, build_id: str, failures: Mapping[str, Failure]) -> None:
        """Note by content hash what the encoder of a build cannot encode."""
        rows = [
            {"build_id": build_id, "content_hash": name, "code": failures[name].code, "detail": failures[name].detail}
            for name in sorted(failures)
        ]
        if rows:
            self._connection.execute(insert(self._connection, build_failures).on_conflict_do_nothing(), rows)

    def failed_contents(self, build_id: str, content_hashes: Sequence[str]) -> dict[str, Failure]:
        """Which of these contents the encoder of a build could not encode, by content hash."""
        if not content_hashes:
            return {}
        these = and_(build_failures.c.build_id == build_id, one_of(build_failures.c.content_hash, "content_hashes"))
        rows = self._connection.execute(select(build_failures).where(these), {"content_hashes": content_hashes})
        return {row.content_hash: Failure(row.code, row.detail) for row in rows}

    def count_failed(self, build_id: str) -> int:
        """How many contents the encoder of a build could not encode."""
        statement = select(func.count()).where(build_failures.c.build_id == build_id)
        return self._connection.execute(statement).scalar_one()

    def forget_dry_runs(self, catalog: str) -> None:
        """Delete the dry runs of a catalog of which no step is left to be done, with all that is told of them."""
        left = exists().where(build_steps.c.build_id == builds.c.id, IS_UNDONE)
        over = select(builds.c.id).where(builds.c.catalog == catalog, builds.c.dry_run, not_(left))
        for build_id in self._connection.execute(over).scalars().all():
            for table in _OF_BUILDS:
                self._connection.execute(delete(table).where(table.c.build_id == build_id))
            self._connection.execute(delete(builds).where(builds.c.id == build_id))
