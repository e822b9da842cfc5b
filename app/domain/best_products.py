"""The exact answer to many queries, while the vectors of a catalog are shown to them a page at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SAME = 1e-5  # two cosines nearer than this are one: the same vectors multiplied in another matrix differ by less


class BestProducts:
    """The `depth` best products of each query, and as many again: of equal ones it does not matter which came."""

    def __init__(self, queries: int, depth: int) -> None:
        self.depth = depth
        self.products = 0
        """How many were shown."""
        self._scores = np.full((queries, 0), -np.inf, dtype=np.float32)
        self._ids = np.empty((queries, 0), dtype=object)

    def add(self, product_ids: Sequence[str], scores: NDArray[np.float32]) -> None:
        """Show more products: `scores` has shape (queries, products), each the best of the product's rows."""
        if not len(product_ids):
            return
        self.products += len(product_ids)
        named = np.broadcast_to(np.array(product_ids, dtype=object), scores.shape)
        together = np.concatenate([self._scores, scores], axis=1)
        ids = np.concatenate([self._ids, named], axis=1)
        kept = min(2 * self.depth, together.shape[1])
        best = np.argpartition(-together, kept - 1, axis=1)[:, :kept]
        self._scores = np.take_along_axis(together, best, axis=1)
        self._ids = np.take_along_axis(ids, best, axis=1)

    def recall(self, answers: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The share of each query's best products that its answer, product_ids best first, has; shape (queries,).

        A product counts by its exact score, whatever an index that keeps less than the vector says of it.
        """
        depth = min(self.depth, self.products)
        if not depth:
            return np.ones(len(answers))
        floors = -np.partition(-self._scores, depth - 1, axis=1)[:, depth - 1] - _SAME
        shares = []
        for ids, scores, floor, answer in zip(self._ids, self._scores, floors, answers, strict=True):
            good = set(ids[scores >= floor])
            shares.append(min(len(good.intersection(answer[:depth])), depth) / depth)
        return np.array(shares)
