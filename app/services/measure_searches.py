"""Measuring searches of a vector store: what they find of the exact answer, and how long they take."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.best_products import BestProducts
from app.domain.builds import IndexSpec
from app.domain.filters import Filter
from app.domain.tuning import Ladder
from app.ports.vectors import VectorStore
from app.services.held_step import HeldStep
from app.services.stored_vectors import Questions

ROUNDS = 20
"""Searches that a time is the middle of: of as many a few may be late."""

ALL_FOUND = 0.95
"""The share of queries whose pictures, fetched once, are of enough products; for the others a search asks again."""

_PICTURES = 8  # of a product, that are looked for at most; twice as many make the answers 30 MB
_FEW = 25  # queries of such a search


@dataclass(frozen=True, slots=True)
class Target:
    """A collection that is asked for the best `exact.depth` products, under a filter."""

    collection: str
    exact: BestProducts
    where: Filter | None = None
    over_fetch: int = 1

    @property
    def limit(self) -> int:
        """How many rows are asked for."""
        return self.exact.depth * self.over_fetch


@dataclass(frozen=True, slots=True)
class Meter:
    """Asks a store the same questions again and again, with `held` going on in between."""

    store: VectorStore
    questions: Questions
    held: HeldStep

    def climb(self, index: IndexSpec, targets: Sequence[Target], ladder: Ladder) -> None:
        """Find the least value of the index's parameter whose recall is enough in every target."""
        least = targets[0].exact.depth if index.tunable == "ef" else 1  # Milvus takes no ef below the limit
        most = max(least, index.most(max(self.store.count(one.collection) for one in targets)))
        ladder.climb(lambda value: self.recall(index.searched_with(value), targets), least=least, most=most)

    def recall(self, index: IndexSpec, targets: Sequence[Target]) -> float:
        """The share of the best products that is found, in the target and by the kind of query that find fewest."""
        worst = 1.0
        for one in targets:
            self.held.go_on()
            answers = self.store.search(
                one.collection, self.questions.vectors, limit=one.limit, index=index, where=one.where
            )
            found = [list(dict.fromkeys(row.product_id for row in some)) for some in answers]
            worst = min(worst, self.questions.worst(one.exact.recall(found)))
        return worst

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
        self.store.search(target.collection, query, limit=target.limit, index=index, where=target.where)
        return (time.perf_counter() - started) * 1e3

    def over_fetch(self, index: IndexSpec, target: Target) -> int:
        """How many pictures are to be asked for to get one product, so that most queries get enough products."""
        self.held.go_on()
        depth = min(target.exact.depth, target.exact.products)
        limit = target.exact.depth * _PICTURES
        few = self.questions.vectors[:: -(-len(self.questions.vectors) // _FEW)]
        widest = index.searched_with(index.most(limit))  # what it misses is the business of its parameter
        answers = self.store.search(target.collection, few, limit=limit, index=widest, where=target.where)
        needed = []
        for some in answers:
            firsts = {row.product_id: place for place, row in reversed(list(enumerate(some, start=1)))}
            needed.append(sorted(firsts.values())[:depth][-1] if firsts else 0)
        enough = sorted(needed)[int(ALL_FOUND * (len(needed) - 1))]
        return max(1, -(-enough // target.exact.depth))
