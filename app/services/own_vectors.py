"""Looking rows up by their own vectors: a graph or a list of an index can hide a row that is stored."""

from collections.abc import Iterator, Sequence

import numpy as np

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.ports.vectors import VectorStore
from app.services.asked_afresh import asked_afresh

DEPTH = 10
"""How far down a ranking is looked: the first page of a grid."""

_QUICK = {"ef": (4, 16), "nprobe": (1,)}
"""The search parameters of the first looks: a row that is found with these is found with more, and one that is found
among the rows that are indexed needs no comparison with those that are not.

Of 2,000 rows out of 100,000 the first look misses 110, the second 2. With an ef of 2 it misses 300, and looks for
those with an ef of 128 take a third of all the time.
"""
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
    for limit, params, growing in (*_quick(index), *((depth, index, True) for depth in _DEPTHS)):
        if not len(left):
            break
        queries = asked_afresh(vectors[left])
        answers = store.search(collection, queries, limit=limit, index=params, growing=growing)
        near = 1 - index.inexactness
        deeper: list[int] = []
        for place, answer in zip(left.tolist(), answers, strict=True):
            if not any(one.id == ids[place] and one.score >= near for one in answer):
                ties = len(answer) == limit and answer[-1].score >= near
                (deeper if ties or limit == 1 else lost).append(place)
        left = np.asarray(deeper, dtype=np.intp)
    return [ids[place] for place in lost]


def _quick(index: IndexSpec) -> Iterator[tuple[int, IndexSpec, bool]]:
    for name, enough in index.search_params.items():
        for value in _QUICK[name]:
            yield 1, index.searched_with(min(value, enough)), False
