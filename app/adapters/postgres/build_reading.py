"""Builds of their rows."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Row

from app.adapters.postgres.catalogs import stated_catalog
from app.domain.bands import Band
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec, Preprocessing
from app.domain.products import Catalog


def read_build(row: Row[Any]) -> Build:
    """A build of its row."""
    return Build(
        row.id,
        row.catalog,
        BuildState(row.state),
        _encoder(row.encoder),
        _index(row.parameters),
        row.created_at,
        row.takes_uploads,
        row.rate,
        row.live_at,
        row.retired_at,
        row.report,
        row.error_code,
        row.error_detail,
        row.tuned,
        row.dry_run,
    )


def _index(stored: Mapping[str, Any]) -> IndexSpec:
    bands = tuple(Band(**one) for one in stored.get("bands", ()))
    return IndexSpec(**{**stored, "bands": bands})


def _encoder(stored: Mapping[str, Any]) -> EncoderSpec:
    stated = dict(stored)
    preprocessing = dict(stated.pop("preprocessing"))
    for key in ("mean", "std"):
        preprocessing[key] = tuple(preprocessing[key])
    return EncoderSpec(preprocessing=Preprocessing(**preprocessing), **stated)


@lru_cache(maxsize=256)  # every query reads them, and they hardly ever change
def read_searched(
    name: str, attributes: str, caption: str, build_id: str, encoder: str, parameters: str, created_at: datetime
) -> tuple[Catalog, Build]:
    """A catalog and its live build, of what every query reads."""
    catalog = stated_catalog(name, orjson.loads(attributes), orjson.loads(caption))
    index = _index(orjson.loads(parameters))
    return catalog, Build(build_id, name, BuildState.LIVE, _encoder(orjson.loads(encoder)), index, created_at, True)
