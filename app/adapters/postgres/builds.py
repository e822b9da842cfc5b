"""Builds as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, literal_column, null, select, update
from sqlalchemy.exc import IntegrityError

from app.adapters.postgres.build_reading import read_build, read_searched
from app.adapters.postgres.build_tables import builds, revisions
from app.adapters.postgres.build_trail import BuildTrail
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.product_changes import ChangesBeside
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import catalogs
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.errors import Conflict
from app.ports.builds import Searched
from app.ports.products import Changes
from app.ports.uploads import Failure

_NOTED = {BuildState.LIVE: "live_at", BuildState.RETIRED: "retired_at"}

# Built once: every query or batch reads them.
_IS_LIVE = builds.c.state == literal_column(f"'{BuildState.LIVE}'")  # as the partial index says it
_LIVE = select(builds).where(builds.c.catalog == bindparam("the_catalog"), _IS_LIVE)
_SEARCHED = (
    select(
        func.coalesce(revisions.c.number, 0).label("revision"),
        catalogs.c.name,
        cast(catalogs.c.attributes, Text).label("attributes"),
        cast(catalogs.c.caption, Text).label("caption"),
        builds.c.id,
        cast(builds.c.encoder, Text).label("encoder"),
        cast(builds.c.parameters, Text).label("parameters"),
        builds.c.created_at,
    )
    .select_from(catalogs)
    .join(builds, and_(builds.c.catalog == catalogs.c.name, _IS_LIVE))
    .outerjoin(revisions, revisions.c.catalog == catalogs.c.name)
    .where(catalogs.c.name == bindparam("the_catalog"))
)
_SEARCHED_ALONE = Prepared(_SEARCHED)
_SOURCE = _SEARCHED.subquery()
_SEARCHED_AND_CHANGED = ChangesBeside(list(_SOURCE.c), _SOURCE)
# In one order for everybody: what they hold is written in it.
_WRITABLE = select(builds).where(one_of(builds.c.catalog, "catalogs"), builds.c.takes_uploads).order_by(builds.c.id)


class BuildRows(BuildTrail):
    """`Builds` of the port."""

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

    def searched(self, catalog: str, since: str | None = None) -> Searched | None:
        """What every query begins with, in one statement."""
        if since is not None:
            found = _SEARCHED_AND_CHANGED.read(self._connection, catalog, since)
            return None if found is None else _searched(*found)
        for row in _SEARCHED_ALONE.rows(self._connection, {"the_catalog": catalog}):
            return _searched(row)
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


def _searched(row: Sequence[Any], changes: Changes | None = None) -> Searched:
    revision, *rest = row
    return Searched(*read_searched(*rest), revision, changes)
