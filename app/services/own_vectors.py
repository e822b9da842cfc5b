"""Looking rows up by their own vectors: a graph or a list of an index can hide a row that is stored."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.ports.vectors import VectorStore

DEPTH = 10
"""How far down a ranking is looked: the first page of a grid."""

_QUICK = {"ef": 2, "nprobe": 1}
"""The search parameters of a first look: a row that is found with these is found with more."""
_DEPTHS = (DEPTH, 100, 1_000, 10_000)
"""Ever deeper while all that comes is the same vector: a picture that many products share."""


def not_found(
    store: VectorStore, index: IndexSpec, collection: str, ids: Sequence[str], vectors: Vectors
) -> list[str]:
    """The ids of rows that a search by their own vectors does not find, or finds with another vector.

    Row i of `vectors`, shape (n, dimension), is that of `ids[i]`.
    """
    left = np.arange(len(ids))
    lost: list[int] = []
    for limit, params in ((1, _quick(index)), *((depth, index) for depth in _DEPTHS)):
        if not len(left):
            break
        answers = store.search(collection, vectors[left], limit=limit, index=params)
        near = 1 - index.inexactness
        deeper: list[int] = []
        for place, answer in zip(left.tolist(), answers, strict=True):
            if not any(one.id == ids[place] and one.score >= near for one in answer):
                ties = len(answer) == limit and answer[-1].score >= near
                (deeper if ties or limit == 1 else lost).append(place)
        left = np.asarray(deeper, dtype=np.intp)
    return [ids[place] for place in lost]


def _quick(index: IndexSpec) -> IndexSpec:
    quick = {name: min(value, _QUICK[name]) for name, value in index.search_params.items()}
    return replace(index, search_params=quick)
