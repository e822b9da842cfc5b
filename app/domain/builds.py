"""Builds: one encoder, one set of index parameters, the collections made of them, and a state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.embeddings import EncoderSpec


class BuildState(StrEnum):
    """building → ready → live → retired, or aborted / failed."""

    BUILDING = "building"
    READY = "ready"
    LIVE = "live"
    RETIRED = "retired"
    ABORTED = "aborted"
    FAILED = "failed"


WRITABLE = (BuildState.BUILDING, BuildState.READY, BuildState.LIVE)
"""The states in which every upload goes to the build."""


_IVF = ({"nlist": 128}, {"nprobe": 16})
_USUAL: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]] = {
    "HNSW": ({"M": 16, "efConstruction": 200}, {"ef": 128}),
    "IVF_FLAT": _IVF,
    "IVF_SQ8": _IVF,
}


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A Milvus index: its type and the parameters it is built and searched with."""

    type: str
    build_params: Mapping[str, int] = field(default_factory=dict)
    search_params: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def of(index_type: str) -> "IndexSpec":
        """The usual parameters of an index type; Malkov and Yashunin 2018 for HNSW's, Milvus's defaults for IVF."""
        build, search = _USUAL.get(index_type, ({}, {}))
        return IndexSpec(index_type, build, search)

    @staticmethod
    def exact() -> "IndexSpec":
        """One list, always probed: every row is compared, filtered or not.

        What milvus-lite does best: it looks at every row whatever the index is, its filtered HNSW loses a third of
        the neighbours, and its FLAT normalises every row again for every query.
        """
        return IndexSpec("IVF_FLAT", {"nlist": 1}, {"nprobe": 1})


@dataclass(frozen=True, slots=True)
class Build:
    """One row of the builds table. The live one of a catalog is the switch every query reads."""

    id: str
    catalog: str
    state: BuildState
    encoder: EncoderSpec
    index: IndexSpec
    created_at: datetime

    @property
    def images(self) -> str:
        """The physical name of the collection with a row per picture."""
        return f"vitrine_{self.id}_images"

    @property
    def texts(self) -> str:
        """The physical name of the collection with a row per product."""
        return f"vitrine_{self.id}_texts"
