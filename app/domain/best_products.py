"""The exact answer to many queries, while the vectors of a catalog are shown to them a page at a time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SAME = 1e-5  # two cosines nearer than this are one: the same vectors multiplied in another matrix differ by less


class BestProducts:
    """The `depth` best products of each query, and as many again: of equal ones it does not matter which came.

    Which products were shown is kept too. Of each id these are 64 bits: no two of a million are likely to share them.
    """

    def __init__(self, queries: int, depth: int) -> None:
        self.depth = depth
        self.products = 0
        """How many were shown."""
        self._scores = np.full((queries, 0), -np.inf, dtype=np.float32)
        self._ids = np.empty((queries, 0), dtype=np.int64)
        self._shown = np.empty(0, dtype=np.int64)  # in order
        self._lately: list[NDArray[np.int64]] = []

    def add(self, product_ids: Sequence[str], scores: NDArray[np.float32]) -> None:
        """Show more products: `scores` has shape (queries, products), each the best of the product's rows."""
        names = _hashes(product_ids)
        self.products += len(names)
        self._lately.append(names)
        if self._scores.shape[1] == 2 * self.depth:  # of a large catalog few are among the best of any query
            better = (scores > self._scores.min(axis=1, keepdims=True)).any(axis=0)
            names, scores = names[better], scores[:, better]
        if not len(names):
            return
        together = np.concatenate([self._scores, scores], axis=1)
        ids = np.concatenate([self._ids, np.broadcast_to(names, scores.shape)], axis=1)
        kept = min(2 * self.depth, together.shape[1])
        best = np.argpartition(-together, kept - 1, axis=1)[:, :kept]
        self._scores = np.take_along_axis(together, best, axis=1)
        self._ids = np.take_along_axis(ids, best, axis=1)

    def recall(self, answers: Sequence[Mapping[str, float]], *, slack: float = SAME) -> NDArray[np.float64]:
        """The share of each query's best products that its answer has, shape (queries,).

        An answer is product_ids, best first, with their scores. What was not shown, for it came or changes
        meanwhile, is passed over: the rest is held against as many fewer. NaN where most of an answer is of that
        kind. A product counts by its exact score, whatever an index that keeps less than the vector says of it; only
        where more are equal than are kept, by the score it came with, which may be `slack` too low.
        """
        return np.array([self._share(place, answer, slack) for place, answer in enumerate(answers)])

    def _share(self, place: int, answer: Mapping[str, float], slack: float) -> float:
        names = _hashes(list(answer)[: self.depth])
        told = np.array(list(answer.values())[: self.depth])
        shown = self._are_shown(names)
        unknown = len(names) - int(shown.sum())
        if 2 * unknown > len(names):
            return float("nan")
        wanted = min(self.depth - unknown, self.products)
        if not wanted:
            return 1.0
        names, told = names[shown][:wanted], told[shown][:wanted]
        scores = self._scores[place]
        floor = float(-np.partition(-scores, wanted - 1)[wanted - 1]) - SAME
        good = self._ids[place][scores >= floor]
        found = np.isin(names, good)
        if len(good) == 2 * self.depth:  # there may be more that are equal
            found |= told >= floor - slack
        return float(found.sum()) / wanted

    def _are_shown(self, names: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self._lately:
            self._shown = np.sort(np.concatenate([self._shown, *self._lately]))
            self._lately = []
        return np.searchsorted(self._shown, names, "right") > np.searchsorted(self._shown, names, "left")


def _hashes(product_ids: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, product_ids), dtype=np.int64, count=len(product_ids))
