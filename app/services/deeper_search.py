"""Searching until enough products are found: many of the rows that are nearest may be of few products."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.ports.vectors import Among, Neighbour, VectorSearch
from app.services.time_budget import TimeBudget

MAX_ROWS = 16_384  # Milvus's limit of one search
DEEPER = 4  # times as many rows: a product of fifty pictures takes two rounds more, three at most


def rows_of_products(
    store: VectorSearch,
    collection: str,
    queries: Sequence[Vectors],
    *,
    depth: int,
    rows: int,
    index: IndexSpec,
    where: Filter | Among | None,
    budget: TimeBudget | None = None,
) -> list[list[list[Neighbour]]]:
    """By query and vector of it the rows, best first, that have `depth` products together, if there are as many.

    A query is one vector or several, shape (n, dimension). All are asked at once for `rows` of each vector; one that
    got too few products is asked again, alone and deeper, until it has enough or there is nothing more. All of that
    takes no longer than `budget` has left.
    """

    def search(vectors: Vectors, limit: int) -> list[list[Neighbour]]:
        timeout = None if budget is None else budget.left
        return store.search(collection, vectors, limit=limit, index=index, where=where, timeout=timeout)

    rows = min(rows, MAX_ROWS)
    answers = iter(search(np.concatenate(queries), rows))
    found = [list(islice(answers, len(vectors))) for vectors in queries]
    for place, vectors in enumerate(queries):
        limit = rows
        while limit < MAX_ROWS and _may_have_more(found[place], limit, depth):
            limit = min(limit * DEEPER, MAX_ROWS)
            found[place] = search(vectors, limit)
    return found


def _may_have_more(found: Sequence[Sequence[Neighbour]], limit: int, depth: int) -> bool:
    if all(len(some) < limit for some in found):
        return False
    return len({row.product_id for some in found for row in some}) < depth
