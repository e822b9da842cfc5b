"""Builds as rows, and what each of them holds."""

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
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.adapters.postgres.catalogs import stated_catalog
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import build_products, builds, catalogs, uploads
from app.domain.builds import WRITABLE, Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec, Preprocessing
from app.domain.errors import Conflict
from app.domain.products import Catalog
from app.domain.uploads import Stage

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

_HELD = and_(build_products.c.build_id == bindparam("the_build"), one_of(build_products.c.product_id, "ids"))
_OVERTAKEN = (
    select(uploads.c.product_id)
    .join(builds, and_(builds.c.catalog == uploads.c.catalog, builds.c.id == bindparam("the_build")))
    .where(one_of(uploads.c.product_id, "ids"), uploads.c.touched.is_(True), uploads.c.state == Stage.INDEX.takes)
)
"""Products of which another upload is unfinished that a worker may be writing, or have died while writing."""


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

    def hold(self, build_id: str, pictures: Mapping[str, int]) -> dict[str, int]:
        """Note how many picture rows the build may hold of each product; returns what it was before."""
        if not pictures:
            return {}
        before = dict.fromkeys(pictures, 0)
        statement = select(build_products.c.product_id, build_products.c.pictures).where(_HELD)
        rows = self._connection.execute(statement, {"the_build": build_id, "ids": list(pictures)}).all()
        before.update((product_id, count) for product_id, count in rows)
        grown = [
            {"build_id": build_id, "product_id": product_id, "version": 0, "pictures": count}
            for product_id, count in sorted(pictures.items())
            if count > before[product_id] or not before[product_id]
        ]
        self._note(grown, version=False, shrinks=False)
        return before

    def held(self, build_id: str, products: Mapping[str, tuple[int, int]]) -> None:
        """Note by product_id the version and the number of pictures the build holds for certain."""
        overtaken = self._overtaken(build_id, list(products))
        rows = [
            {"build_id": build_id, "product_id": product_id, "version": version, "pictures": pictures}
            for product_id, (version, pictures) in sorted(products.items())
        ]
        self._note([row for row in rows if row["product_id"] not in overtaken], version=True, shrinks=True)
        self._note([row for row in rows if row["product_id"] in overtaken], version=True, shrinks=False)

    def dropped(self, build_id: str, product_ids: Sequence[str]) -> None:
        """The build holds nothing of these products any more."""
        overtaken = self._overtaken(build_id, product_ids)
        rows = [{"build_id": build_id, "product_id": one, "version": 0, "pictures": 0} for one in sorted(overtaken)]
        self._note(rows, version=True, shrinks=False)
        gone = sorted(set(product_ids) - overtaken)
        if gone:
            self._connection.execute(delete(build_products).where(_HELD), {"the_build": build_id, "ids": gone})

    def _overtaken(self, build_id: str, product_ids: Sequence[str]) -> set[str]:
        if not product_ids:
            return set()
        return set(self._connection.scalars(_OVERTAKEN, {"the_build": build_id, "ids": product_ids}))

    def _note(self, rows: Sequence[Mapping[str, object]], *, version: bool, shrinks: bool) -> None:
        if not rows:
            return
        statement = insert(self._connection, build_products)
        stated, there = statement.excluded, build_products.c
        grown = case((stated.pictures > there.pictures, stated.pictures), else_=there.pictures)
        noted = {"pictures": stated.pictures if shrinks else grown}
        if version:
            noted["version"] = stated.version
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["build_id", "product_id"], set_=noted), rows
        )

    def count(self, build_id: str) -> int:
        """How many products a build holds."""
        statement = select(func.count()).where(build_products.c.build_id == build_id, build_products.c.version > 0)
        return self._connection.execute(statement).scalar_one()


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
