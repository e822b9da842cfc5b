"""Measuring searches of a vector store: what they find of the exact answer, and how long they take."""

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.domain.best_products import BestProducts
from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.domain.tuning import Ladder
from app.ports.vectors import Neighbour, VectorStore
from app.services.asked_afresh import asked_afresh
from app.services.deeper_search import rows_of_products
from app.services.held_step import HeldStep
from app.services.stored_vectors import Questions

ROUNDS = 20
"""Searches that a time is the middle of: of as many a few may be late."""

ALL_FOUND = 0.95
"""The share of queries whose pictures, fetched once, are of enough products; for the others a search asks again."""

_PICTURES = 8  # of a product, that are asked for at first to see how many it takes
_FEW = 25  # queries of such a search
_AT_ONCE = 20  # queries of one call: of a large graph, searched wide, it takes seconds, and a call has thirty
_ROWS_AT_ONCE = 40_000  # of one call's answers, which are 10 MB then
_SLACK = 0.02  # a byte for each number makes a score no worse; one that may be further off proves nothing


@dataclass(frozen=True, slots=True)
class Target:
    """A collection that is asked for the best `exact.depth` products, under a filter."""

    collection: str
    exact: BestProducts
    where: Filter | None = None
    over_fetch: int = 1

    @property
    def limit(self) -> int:
        """How many rows are asked for at first."""
        return self.exact.depth * self.over_fetch


@dataclass(frozen=True, slots=True)
class Meter:
    """Asks a store the same questions again and again, as searches do, with `held` going on in between."""

    store: VectorStore
    questions: Questions
    held: HeldStep

    def climb(self, index: IndexSpec, targets: Sequence[Target], ladder: Ladder, *, least: int = 0) -> None:
        """Find the least value of the index's parameter whose recall is enough in every target.

        It is looked for from `least` on, if that is given: less than it is not to be taken.
        """
        lowest = targets[0].exact.depth if index.tunable == "ef" else 1  # an ef below the limit is raised to it
        least = least or lowest
        most = max(least, index.most(max(self.store.count(one.collection) for one in targets)))
        ladder.climb(lambda value: self.recall(index.searched_with(value), targets), least=least, most=most)

    def recall(self, index: IndexSpec, targets: Sequence[Target]) -> float:
        """The share of the best products that is found, in the target and by the kind of query that find fewest.

        Raises `Unavailable` (`in_flight`) where most of what is found is not to be judged.
        """
        worst = 1.0
        for one in targets:
            found = [_products(rows) for rows in self._answers(index, one, self.questions.vectors)]
            shares = one.exact.recall(found, slack=min(index.inexactness, _SLACK))
            worst = min(worst, self.questions.worst(shares))
        self.held.progressed = True
        return round(worst, 6)  # how a mean of floats is rounded decides nothing

    def median_ms(self, indexes: Sequence[IndexSpec], targets: Sequence[Target]) -> list[float]:
        """How long a query takes in the middle with each index, asked in turn: its targets are asked side by side."""
        took: list[list[float]] = [[] for _ in indexes]
        for number in range(ROUNDS):
            self.held.go_on()
            place = number * 7 % len(self.questions.vectors)  # some captions, some pictures
            for later in range(len(indexes)):
                turn = (number + later) % len(indexes)  # whoever is first in a round finds nothing in a cache
                took[turn].append(max(self._ms(one, indexes[turn], place) for one in targets))
        return [statistics.median(laps) for laps in took]

    def _ms(self, target: Target, index: IndexSpec, place: int) -> float:
        query = self.questions.vectors[[place]]
        started = time.perf_counter()
        self._asked(index, target, query)
        return (time.perf_counter() - started) * 1e3

    def over_fetch(self, index: IndexSpec, target: Target) -> int:
        """How many pictures are to be asked for to get one product, so that most queries get enough products."""
        depth = min(target.exact.depth, target.exact.products)
        few = self.questions.vectors[:: -(-len(self.questions.vectors) // _FEW)]
        deep = replace(target, over_fetch=_PICTURES)
        widest = index.searched_with(index.most(deep.limit))  # what it misses is the business of its parameter
        needed = sorted(_rows_of(depth, rows) for rows in self._answers(widest, deep, few))
        enough = needed[math.ceil(ALL_FOUND * len(needed)) - 1]
        return max(1, -(-enough // target.exact.depth))

    def _answers(self, index: IndexSpec, target: Target, queries: Vectors) -> Iterator[Sequence[Neighbour]]:
        """The rows that each query finds, asked a few at a time: between them uploads go first."""
        size = max(1, min(_AT_ONCE, _ROWS_AT_ONCE // target.limit))
        for start in range(0, len(queries), size):
            self.held.go_on()
            yield from self._asked(index, target, queries[start : start + size])

    def _asked(self, index: IndexSpec, target: Target, queries: Vectors) -> list[Sequence[Neighbour]]:
        found = rows_of_products(
            self.store,
            target.collection,
            [query[None] for query in asked_afresh(queries)],
            depth=target.exact.depth,
            rows=target.limit,
            index=index,
            where=target.where,
        )
        return [rows for (rows,) in found]


def _products(rows: Sequence[Neighbour]) -> dict[str, float]:
    """The products of rows, each with the score of its best."""
    found: dict[str, float] = {}
    for row in rows:
        found.setdefault(row.product_id, row.score)
    return found


def _rows_of(products: int, rows: Sequence[Neighbour]) -> int:
    """How many of the rows it takes to have so many products, or all that there are."""
    firsts: dict[str, int] = {}
    for place, row in enumerate(rows, start=1):
        firsts.setdefault(row.product_id, place)
    return max(list(firsts.values())[:products], default=0)
