"""Builds as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Row,
    Text,
    and_,
    bindparam,
    cast,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.adapters.postgres.catalogs import stated_catalog
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import builds, catalogs
from app.domain.builds import WRITABLE, Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec, Preprocessing
from app.domain.errors import Conflict
from app.domain.products import Catalog

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
_WRITABLE = select(builds).where(one_of(builds.c.catalog, "catalogs"), builds.c.state.in_(WRITABLE))


class BuildRows:
    """`Builds` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        return _build(row) if row else None

    def searched(self, catalog: str) -> tuple[Catalog, Build] | None:
        """The catalog's declaration, and the build that queries read."""
        for row in _SEARCHED.rows(self._connection, {"the_catalog": catalog}):
            return _searched(*row)
        return None

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that every upload goes to, by catalog."""
        found: dict[str, list[Build]] = {catalog: [] for catalog in catalogs}
        for row in self._connection.execute(_WRITABLE, {"catalogs": catalogs}):
            found[row.catalog].append(_build(row))
        return found

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        statement = select(builds).where(builds.c.catalog == catalog).order_by(builds.c.created_at.desc())
        return [_build(row) for row in self._connection.execute(statement)]

    def set_state(self, build_id: str, state: BuildState) -> None:
        """Move a build to another state."""
        self._connection.execute(update(builds).where(builds.c.id == build_id).values(state=state))


def _build(row: Row[tuple[object, ...]]) -> Build:
    state, index = BuildState(row.state), IndexSpec(**row.parameters)
    return Build(row.id, row.catalog, state, _encoder(row.encoder), index, row.created_at)


def _encoder(stored: Mapping[str, Any]) -> EncoderSpec:
    stated = dict(stored)
    preprocessing = dict(stated.pop("preprocessing"))
    for key in ("mean", "std"):
        preprocessing[key] = tuple(preprocessing[key])
    return EncoderSpec(preprocessing=Preprocessing(**preprocessing), **stated)


@lru_cache(maxsize=256)  # every query reads them, and they hardly ever change
def _searched(
    name: str, attributes: str, caption: str, build_id: str, encoder: str, parameters: str, created_at: datetime
) -> tuple[Catalog, Build]:
    """What one row of `_SEARCHED` says."""
    catalog = stated_catalog(name, orjson.loads(attributes), orjson.loads(caption))
    index = IndexSpec(**orjson.loads(parameters))
    return catalog, Build(build_id, name, BuildState.LIVE, _encoder(orjson.loads(encoder)), index, created_at)
