"""Builds: one encoder, one set of index parameters, the collections made of them, and a state."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.bands import Band, band_for
from app.domain.embeddings import EncoderSpec
from app.domain.errors import Invalid


class BuildState(StrEnum):
    """building → ready → live → retired, or aborted / failed."""

    BUILDING = "building"
    READY = "ready"
    LIVE = "live"
    RETIRED = "retired"
    ABORTED = "aborted"
    FAILED = "failed"


UNFINISHED = (BuildState.BUILDING, BuildState.READY)
"""Of these a catalog has one at most, and one dry run beside it."""

_IVF = ({"nlist": 128}, {"nprobe": 16})
_HNSW = ({"M": 16, "efConstruction": 200}, {"ef": 128})
_USUAL: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]] = {
    "FLAT": ({}, {}),
    "HNSW": _HNSW,
    "HNSW_SQ": _HNSW,
    "IVF_FLAT": _IVF,
    "IVF_SQ8": _IVF,
    "IVF_PQ": ({"nlist": 128, "m": 32, "nbits": 8}, {"nprobe": 16}),
}
_INEXACT: Mapping[str, float] = {"HNSW_SQ": 0.02, "IVF_SQ8": 0.02, "IVF_PQ": 0.5}
"""A byte for each number is near to it; a byte for several of them is not."""
_BOUNDS: Mapping[str, tuple[int, int]] = {
    # As Milvus takes them.
    "M": (2, 2_048),
    "efConstruction": (1, 32_768),
    "ef": (1, 32_768),
    "nlist": (1, 65_536),
    "nprobe": (1, 65_536),
    "m": (1, 65_536),
    "nbits": (1, 16),
}


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A Milvus index: its type and the parameters it is built and searched with.

    `bands` are what tuning found for these vectors: where they say nothing, searches take `search_params`.
    """

    type: str
    build_params: Mapping[str, int] = field(default_factory=dict)
    search_params: Mapping[str, int] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()

    @staticmethod
    def of(index_type: str, params: Mapping[str, int] | None = None) -> "IndexSpec":
        """An index type with its usual parameters, and `params` in place of some of them.

        The usual ones are Malkov and Yashunin's (2018) for HNSW and Milvus's defaults for IVF. Raises `Invalid`
        (`index_type`, `index_param`).
        """
        if index_type not in _USUAL:
            names = ", ".join(_USUAL)
            raise Invalid(f"index type {index_type!r} is not one of {names}", code="index_type", field="index")
        build, search = _USUAL[index_type]
        for name, value in (params or {}).items():
            _check_param(index_type, name, value, [*build, *search])
        given = {**build, **search, **(params or {})}
        return IndexSpec(index_type, {name: given[name] for name in build}, {name: given[name] for name in search})

    @property
    def inexactness(self) -> float:
        """How far from 1 the cosine of a stored vector with itself may be: some types keep less than the vector."""
        return _INEXACT.get(self.type, 1e-3)

    @property
    def quantised(self) -> bool:
        """Whether it keeps less than the vectors, and ranks by that."""
        return self.type in _INEXACT

    @property
    def coarse(self) -> bool:
        """Whether it keeps so little of the vectors that the best of a thousand may be beyond its first hundred."""
        return self.type == "IVF_PQ"

    @property
    def tunable(self) -> str | None:
        """The search parameter that trades recall for time; None where every row is looked at in any case."""
        return None if self.build_params.get("nlist") == 1 else next(iter(self.search_params), None)

    def most(self, rows: int) -> int:
        """The greatest value of that parameter that can gain anything in a collection of so many rows."""
        return self.build_params.get("nlist") or min(max(rows, 1), _BOUNDS["ef"][1])

    def searched_with(self, value: int) -> "IndexSpec":
        """The same with another value of that parameter."""
        return replace(self, search_params=dict.fromkeys(self.search_params, value))

    @staticmethod
    def exact() -> "IndexSpec":
        """One list, always probed: every row is compared, filtered or not.

        What milvus-lite does best at the size of an embedded shop: of 20,000 rows HNSW is no faster, and under a
        filter it loses neighbours or takes twice as long; its FLAT normalises every row again for every query.
        """
        return IndexSpec("IVF_FLAT", {"nlist": 1}, {"nprobe": 1})


def _check_param(index_type: str, name: str, value: int, known: Sequence[str]) -> None:
    if name not in known:
        told = f"its parameters are {', '.join(known)}" if known else "it has no parameters"
        raise Invalid(f"{index_type} has no {name!r}: {told}", code="index_param", field=f"params.{name[:64]}")
    least, most = _BOUNDS[name]
    if not least <= value <= most:
        raise Invalid(f"{name} is {value}: it may be {least} to {most}", code="index_param", field=f"params.{name}")


@dataclass(frozen=True, slots=True)
class Build:
    """One row of the builds table. The live one of a catalog is the switch every query reads.

    `takes_uploads` says whether it has collections that every upload goes to. `rate` bounds how many products a
    second it is filled with; 0 pauses that. It went live at `live_at` last, and gave way to another at `retired_at`.
    `report` is what its check found, `tuned` what tuning measured, and the error why it failed. A `dry_run` ends with
    its estimate, and is in the way of no build.
    """

    id: str
    catalog: str
    state: BuildState
    encoder: EncoderSpec
    index: IndexSpec
    created_at: datetime
    takes_uploads: bool = False
    rate: float | None = None
    live_at: datetime | None = None
    retired_at: datetime | None = None
    report: Mapping[str, Any] | None = None
    error_code: str | None = None
    error_detail: str | None = None
    tuned: Mapping[str, Any] | None = None
    dry_run: bool = False

    def searched(self, *, filtered: bool = False) -> tuple[IndexSpec, int | None]:
        """How it is searched: its index with the parameters that were found for it, if any, and the over-fetch.

        That is how many pictures are asked for to get one product; None where it was not measured.
        """
        usual = max(self.index.search_params.values(), default=0)
        band = band_for(self.index.bands, filtered=filtered, usual=usual)
        return (self.index, None) if band is None else (self.index.searched_with(band.value), band.over_fetch)

    @property
    def images(self) -> str:
        """The physical name of the collection with a row per picture."""
        return f"vitrine_{self.id}_images"

    @property
    def texts(self) -> str:
        """The physical name of the collection with a row per product."""
        return f"vitrine_{self.id}_texts"

    @property
    def collections(self) -> tuple[str, str]:
        """The physical names of both, first the one with a row per product."""
        return self.texts, self.images

    @property
    def rehearsal(self) -> "Build":
        """The same under another name: its collections are those that writing is tried with for an estimate."""
        return replace(self, id=f"{self.id}_rehearsal")

    @property
    def trials(self) -> Mapping[str, str]:
        """By index type, the collections that it is tried in while it is compared, and that go away again."""
        return {name: f"vitrine_{self.id}_try_{name.lower()}" for name in _USUAL}

    @property
    def aliases(self) -> Mapping[str, str]:
        """The collections by the names under which people find them while the build is live."""
        plain = re.sub(r"[^A-Za-z0-9]", "_", self.catalog)
        if plain != self.catalog:  # another catalog may become the same
            plain += f"_{hashlib.sha256(self.catalog.encode()).hexdigest()[:8]}"
        return {f"vitrine_live_{plain}_images": self.images, f"vitrine_live_{plain}_texts": self.texts}
