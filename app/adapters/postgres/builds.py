"""Builds as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, case, cast, func, literal_column, null, select, update
from sqlalchemy.exc import IntegrityError

from app.adapters.postgres.build_reading import read_build, read_searched
from app.adapters.postgres.build_tables import build_events, build_failures, builds
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import catalogs
from app.domain.build_steps import BuildEvent
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.errors import Conflict
from app.domain.products import Catalog
from app.ports.uploads import Failure

_NOTED = {BuildState.LIVE: "live_at", BuildState.RETIRED: "retired_at"}

# Built once: every query or batch reads them.
_IS_LIVE = builds.c.state == literal_column(f"'{BuildState.LIVE}'")  # as the partial index says it
_LIVE = select(builds).where(builds.c.catalog == bindparam("the_catalog"), _IS_LIVE)
_SEARCHED = Prepared(
    select(
        catalogs.c.name,
        cast(catalogs.c.attributes, Text),
        cast(catalogs.c.caption, Text),
        builds.c.id,
        cast(builds.c.encoder, Text),
        cast(builds.c.parameters, Text),
        builds.c.created_at,
    )
    .select_from(catalogs)
    .join(builds, and_(builds.c.catalog == catalogs.c.name, _IS_LIVE))
    .where(catalogs.c.name == bindparam("the_catalog"))
)
# In one order for everybody: what they hold is written in it.
_WRITABLE = select(builds).where(one_of(builds.c.catalog, "catalogs"), builds.c.takes_uploads).order_by(builds.c.id)


class BuildRows:
    """`Builds` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def add(self, build: Build) -> None:
        """Insert a build; the partial unique indexes allow one live and one unfinished a catalog."""
        row = {
            "id": build.id,
            "catalog": build.catalog,
            "state": build.state,
            "fingerprint": build.encoder.fingerprint,
            "encoder": asdict(build.encoder),
            "parameters": asdict(build.index),
            "created_at": build.created_at,
            "takes_uploads": build.takes_uploads,
            "rate": build.rate,
            "dry_run": build.dry_run,
            "live_at": build.live_at,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(self._connection, builds), row)
        except IntegrityError:
            raise Conflict(
                f"catalog {build.catalog} has a {build.state} build already", code="build_exists"
            ) from None

    def live(self, catalog: str) -> Build | None:
        """The build that queries read."""
        row = self._connection.execute(_LIVE, {"the_catalog": catalog}).one_or_none()
        return read_build(row) if row else None

    def searched(self, catalog: str) -> tuple[Catalog, Build] | None:
        """The catalog's declaration, and the build that queries read."""
        for row in _SEARCHED.rows(self._connection, {"the_catalog": catalog}):
            return read_searched(*row)
        return None

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that every upload goes to, by catalog."""
        found: dict[str, list[Build]] = {catalog: [] for catalog in catalogs}
        for row in self._connection.execute(_WRITABLE, {"catalogs": catalogs}):
            found[row.catalog].append(read_build(row))
        return found

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        statement = select(builds).where(builds.c.catalog == catalog).order_by(builds.c.created_at.desc())
        return [read_build(row) for row in self._connection.execute(statement)]

    def taking(self) -> list[Build]:
        """The builds of every catalog that take uploads."""
        return [read_build(row) for row in self._connection.execute(select(builds).where(builds.c.takes_uploads))]

    def get(self, build_id: str) -> Build | None:
        """One build."""
        row = self._connection.execute(select(builds).where(builds.c.id == build_id)).one_or_none()
        return read_build(row) if row else None

    def previous(self, catalog: str) -> Build | None:
        """The build that was live last and still takes uploads."""
        statement = (
            select(builds)
            .where(builds.c.catalog == catalog, builds.c.takes_uploads, builds.c.state == BuildState.RETIRED)
            .order_by(builds.c.retired_at.desc())
            .limit(1)
        )
        row = self._connection.execute(statement).one_or_none()
        return read_build(row) if row else None

    def hold_still(self, catalog: str) -> None:
        """Keep other writers from the builds of a catalog until this transaction ends."""
        # The catalog's row stands for all of its builds: a new one is none of the rows that could be locked.
        self._connection.execute(
            select(catalogs.c.name).where(catalogs.c.name == catalog).with_for_update(key_share=True)
        )

    def set_state(self, build_id: str, state: BuildState, reason: Failure | None = None) -> None:
        """Move a build to another state; `reason` is why it ended."""
        moved: dict[str, Any] = {"state": state}
        if state in _NOTED:
            noted = builds.c[_NOTED[state]]
            moved[noted.name] = case((builds.c.state == state, noted), else_=self._clock.now)
        if reason is not None:
            moved |= {"error_code": reason.code, "error_detail": reason.detail}
        self._set(build_id, **moved)

    def take_uploads(self, build_id: str, takes: bool) -> None:
        """Say whether every upload goes to a build from now on."""
        self._set(build_id, takes_uploads=takes)

    def set_rate(self, build_id: str, rate: float | None) -> None:
        """Bound how many products a second a build is filled with."""
        self._set(build_id, rate=rate, fills_at=None)

    def set_report(self, build_id: str, report: Mapping[str, Any]) -> None:
        """Write down what the check of a build found."""
        self._set(build_id, report=dict(report))

    def set_tuned(self, build_id: str, index: IndexSpec, tuned: Mapping[str, Any] | None) -> None:
        """Let queries search with the bands of this index from now on."""
        self._set(build_id, parameters=asdict(index), tuned=null() if tuned is None else dict(tuned))

    def _set(self, build_id: str, **values: Any) -> None:
        self._connection.execute(update(builds).where(builds.c.id == build_id).values(**values))

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
