"""Searching the legs of a query side by side, each with its filter, collapsed to products, and fusing them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from app.domain.builds import Build
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.domain.fusion import fuse
from app.domain.products import AttributeType
from app.domain.search import Candidate, Leg, Ranked, SearchQuery, rank
from app.ports.vectors import Among, VectorStore
from app.services.catalog_columns import Selection
from app.services.deeper_search import rows_of_products

DEPTH = 100  # candidates a leg gives at least: what one leg ranks low the other may lift
DEPTH_PER_HIT = 4
ROWS_PER_CANDIDATE = 2  # a product may have many pictures; asked again, deeper, where that was too few

EXACT = 2_000
"""Products that pass a filter up to which each is compared: an index finds few of so few, and takes as long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a query is answered: the live build of its catalog, its filter as the catalog's schema reads it, and what
    passes that. `facets` are the attributes to be counted, with their types.
    """

    build: Build
    where: Filter | None
    passing: Selection
    facets: Mapping[str, AttributeType] = field(default_factory=dict)

    @property
    def rows(self) -> Filter | Among | None:
        """The rows that legs look through: of few products that pass each is compared."""
        if self.where is None or self.passing.count > EXACT:
            return self.where
        return Among(self.passing.product_ids())


@dataclass(frozen=True, slots=True)
class Legs:
    """Everything that searching legs needs. `pool` runs them side by side."""

    store: VectorStore
    pool: Executor

    def search(
        self, plan: Plan, query: SearchQuery, vectors: Mapping[Leg, Vectors]
    ) -> dict[Leg, Sequence[Candidate]]:
        """The candidates of every leg that has a weight, searched side by side."""
        depth = max(DEPTH, DEPTH_PER_HIT * query.limit)
        wanted = [leg for leg, weight in query.weights.items() if weight and len(vectors[leg])]
        found = self.pool.map(lambda leg: self._leg(plan, leg, vectors[leg], depth), wanted)
        return dict(zip(wanted, found, strict=True))

    def _leg(self, plan: Plan, leg: Leg, vectors: Vectors, depth: int) -> list[Candidate]:
        collection = plan.build.images if leg is Leg.IMAGE else plan.build.texts
        index, over_fetch = plan.build.searched(filtered=plan.where is not None)
        rows = depth * ((over_fetch or ROWS_PER_CANDIDATE) if leg is Leg.IMAGE else 1)
        (found,) = rows_of_products(
            self.store, collection, [vectors], depth=depth, rows=rows, index=index, where=plan.rows
        )
        return rank([(row.id, row.product_id, row.score) for some in found for row in some])[:depth]


def ranking(query: SearchQuery, legs: Mapping[Leg, Sequence[Candidate]]) -> list[Ranked]:
    """The legs fused; a product that is asked with is none of its own answers."""
    return [one for one in fuse(legs, query.weights, query.fusion) if one.product_id != query.like]
