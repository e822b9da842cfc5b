"""The rank that a product has in each leg by the vectors that are stored, from one pass over all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.best_products import SAME
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.domain.passing import passes
from app.domain.search import Leg
from app.ports.database import Database
from app.services.explain_hits import best_scores, rows_by_leg
from app.services.search_legs import Found, Plan
from app.services.stored_vectors import Rows, stored_rows


@dataclass(frozen=True, slots=True)
class ExactRank:
    """How many products that pass the filter score better in a leg, and how many others the same."""

    better: int = 0
    equal: int = 0

    @property
    def rank(self) -> int:
        """The rank from 1, which equal scores share."""
        return self.better + 1

    @property
    def last(self) -> int:
        """The rank it has where all that are equal go before it."""
        return self.better + self.equal + 1


def exact_ranks(
    database: Database,
    plan: Plan,
    found: Found,
    product_id: str,
    own: Mapping[Leg, float],
    between: Callable[[], object],
) -> dict[Leg, ExactRank]:
    """The rank of a product in each leg in which its stored vectors have a score, its `own`.

    What is on its way into the index is not counted. `between` is called after each page, and may raise.
    """
    ranks = dict.fromkeys(own, ExactRank())
    for page in stored_rows(database, plan.build):
        for leg, rows in rows_by_leg(*page).items():
            if leg in own:
                ahead = _beside(rows, found.vectors[leg], plan.where, product_id, own[leg])
                ranks[leg] = ExactRank(ranks[leg].better + ahead.better, ranks[leg].equal + ahead.equal)
        between()
    return ranks


def _beside(rows: Rows, queries: Vectors, where: Filter | None, product_id: str, own: float) -> ExactRank:
    planned, scores = best_scores(rows, queries)
    near = [
        place
        for place in np.flatnonzero(scores >= own - SAME).tolist()
        if planned[place].product_id != product_id and (where is None or passes(where, planned[place].attributes))
    ]
    better = int((scores[near] > own + SAME).sum())
    return ExactRank(better, len(near) - better)
