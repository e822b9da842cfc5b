"""Recall: how often, and how far down, a search finds the one candidate that belongs to its query."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.embeddings import Vectors

_CHUNK = 1024  # queries scored at once: 1,024 × 50,000 candidates in float32 are 200 MB
_SAME = (
    1e-6  # two cosines nearer than this are one: the same vectors multiplied in another place of a matrix differ so
)


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of queries, 0 to 1, whose own candidate is among the first 1, 5 and 10; the median of its ranks."""

    at_1: float
    at_5: float
    at_10: float
    median_rank: float
    queries: int


def ranks(queries: Vectors, candidates: Vectors, own: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank, from 1, of candidate `own[i]` for query i, by cosine: shape (len(queries),).

    A tie counts as lost: a candidate that scores the same as the query's own stands before it. An encoder that gives
    every content the same vector therefore gets the last rank, and of two equal candidates neither is first.
    """
    found = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _CHUNK):
        scores = queries[start : start + _CHUNK] @ candidates.T
        rows = np.arange(len(scores))
        own_scores = scores[rows, own[start : start + _CHUNK]]
        found[start : start + _CHUNK] = (scores >= own_scores[:, None] - _SAME).sum(axis=1)
    return found


def recall_both_ways(texts: Vectors, pictures: Vectors, text_of: NDArray[np.int64]) -> tuple[Recall, Recall]:
    """Recall from text to picture and from picture to text: picture i belongs to text `text_of[i]`.

    `texts` holds every text once. Several pictures may have one text: it is then asked for each of them, and as only
    one can come first, equal titles cost recall@1. The other way they are one candidate, and cost nothing.
    """
    found_pictures = ranks(texts[text_of], pictures, np.arange(len(pictures)))
    return recall(found_pictures), recall(ranks(pictures, texts, text_of))


def recall(found: NDArray[np.int64]) -> Recall:
    """Sum up the ranks of many queries; no query at all is a recall of 0."""
    if not len(found):
        return Recall(0.0, 0.0, 0.0, 0.0, 0)
    at_1, at_5, at_10 = (float((found <= k).mean()) for k in (1, 5, 10))
    return Recall(at_1, at_5, at_10, float(np.median(found)), len(found))
