"""Searching the legs of a query side by side, each with its filter, collapsed to products, and fusing them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from app.domain.builds import Build, IndexSpec
from app.domain.diversity import Diversity
from app.domain.embeddings import Vectors
from app.domain.errors import StoreUnavailable
from app.domain.filters import Filter
from app.domain.fusion import fuse, rank
from app.domain.product_words import asked_terms
from app.domain.products import AttributeType
from app.domain.search import BY_VECTOR, Candidate, Leg, Ranked, SearchQuery
from app.ports.database import Database
from app.ports.vectors import Among, Neighbour, VectorSearch
from app.services.catalog_columns import Selection
from app.services.deeper_search import rows_of_products
from app.services.rescore import rescored
from app.services.time_budget import TimeBudget

DEPTH = 100  # candidates a leg gives at least: what one leg ranks low the other may lift
DEPTH_PER_HIT = 4
ROWS_PER_CANDIDATE = 2  # a product may have many pictures; asked again, deeper, where that was too few

NO_WORDS = "no_words"
"""The code of what the keyword leg raises where the live build has none: nothing failed, and nothing will pass."""

EXACT = 2_000
"""Products that pass a filter up to which each is compared: an index finds few of so few, and takes as long."""

FARTHER = 3
"""For each product that does not pass so many more are looked at: with half of 20,000 passing IVF_FLAT has a
recall@10 of .93 with none, .964 with one, .969 with two and .985 with three."""

WIDEST = 8
"""Times as much as without a filter that an index looks at under one: a search takes about as many times longer."""


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
    def searched(self) -> tuple[IndexSpec, int | None]:
        """How the index is searched, and the over-fetch if it was measured.

        Under a filter that it was not tuned for it looks at more, the more the fewer pass: for each of the nearest
        rows that passes so many more have to be seen, and more again, for those that pass lie farther off.
        """
        index, over_fetch = self.build.searched(filtered=self.where is not None)
        if self.where is None or self.build.index.bands or index.tunable is None or not self.passing.count:
            return index, over_fetch
        everything = self.passing.everything
        farther = 1 + FARTHER * (everything / self.passing.count - 1)
        wider = round(min(farther, WIDEST) * index.search_params[index.tunable])
        return index.searched_with(min(wider, index.most(everything))), over_fetch

    @property
    def rows(self) -> Filter | Among | None:
        """The rows that legs look through: of few products that pass each is compared."""
        if self.where is None or self.passing.count > EXACT:
            return self.where
        return Among(self.passing.product_ids())


@dataclass(frozen=True, slots=True)
class Legs:
    """Everything that searching legs needs. `pool` runs them side by side.

    What a quantised index finds is scored by the vectors that the database has.

    `enter` raises `StoreUnavailable` where none need take a thread of it.
    """

    database: Database
    store: VectorSearch
    pool: Executor
    enter: Callable[[], None] = lambda: None

    def search(
        self, plan: Plan, query: SearchQuery, vectors: Mapping[Leg, Vectors]
    ) -> dict[Leg, Sequence[Candidate]]:
        """The candidates of every leg that `ask` begins, none left out. Raises what a leg raises."""
        return {leg: future.result() for leg, future in self.ask(plan, query, vectors).items()}

    def ask(
        self,
        plan: Plan,
        query: SearchQuery,
        vectors: Mapping[Leg, Vectors],
        budget: TimeBudget | None = None,
        *,
        depth: int | None = None,
    ) -> dict[Leg, Future[list[Candidate]]]:
        """Begin to search every leg that is wanted, side by side; each call of the store ends with the budget.

        `depth` is how many products each is asked for, unless it is what such queries usually take.

        A leg raises `StoreUnavailable`, the keyword leg (`no_words`) where the build has none. Where nothing passes
        there is nothing to search, and no leg.
        """
        if not plan.passing.count:
            return {}
        legs = wanted(query, vectors)
        try:
            self.enter()
        except StoreUnavailable as refusal:
            return dict.fromkeys(legs, _failed(refusal))
        depth = depth or depth_of(query)
        terms = asked_terms(query.text)

        def candidates(leg: Leg) -> list[Candidate]:
            if leg is Leg.KEYWORD:
                return self._by_words(plan, terms, depth, budget)
            return self._by_vectors(plan, leg, vectors[leg], depth, budget)

        return {leg: self.pool.submit(candidates, leg) for leg in legs}

    def _by_words(self, plan: Plan, terms: Sequence[str], depth: int, budget: TimeBudget | None) -> list[Candidate]:
        left = None if budget is None else budget.left
        rows = self.store.search_words(plan.build.texts, terms, limit=depth, where=plan.rows, timeout=left)
        if rows is None:
            raise StoreUnavailable("the live build was made without words: `vitrine builds start`", code=NO_WORDS)
        return _ranked(rows)

    def _by_vectors(
        self, plan: Plan, leg: Leg, vectors: Vectors, depth: int, budget: TimeBudget | None
    ) -> list[Candidate]:
        collection = plan.build.images if leg is Leg.IMAGE else plan.build.texts
        index, over_fetch = plan.searched
        where = plan.rows
        # Of few products each is compared, and not by the little that a coarse index has kept of it.
        wanted = max(depth, plan.passing.count) if index.coarse and isinstance(where, Among) else depth
        rows = wanted * ((over_fetch or ROWS_PER_CANDIDATE) if leg is Leg.IMAGE else 1)
        (found,) = rows_of_products(
            self.store, collection, [vectors], depth=wanted, rows=rows, index=index, where=where, budget=budget
        )
        candidates = _ranked(row for some in found for row in some)[:wanted]
        if index.quantised and candidates and not (budget is not None and budget.spent):
            candidates = rescored(self.database, plan.build, vectors, candidates, pictures=leg is Leg.IMAGE)
        return candidates[:depth]


def wanted(query: SearchQuery, vectors: Mapping[Leg, Vectors]) -> list[Leg]:
    """The legs that have a weight, and something to ask with: vectors, or words."""
    able = {leg for leg in BY_VECTOR if len(vectors.get(leg, ()))}
    if asked_terms(query.text):
        able.add(Leg.KEYWORD)
    return [leg for leg, weight in query.weights.items() if weight and leg in able]


def _failed(error: Exception) -> Future[list[Candidate]]:
    future = Future[list[Candidate]]()
    future.set_exception(error)
    return future


def _ranked(rows: Iterable[Neighbour]) -> list[Candidate]:
    return rank([(row.id, row.product_id, row.score) for row in rows])


@dataclass(frozen=True, slots=True)
class Found:
    """What the legs of a query found and the ranking they make, of which nothing is cut off.

    `vectors` asked them, for `depth` products each; `degraded` are the legs that are missing, and it `lasts` if none
    of them may be back. `diversity` says what is shown of the ranking, where that is not all.
    """

    vectors: Mapping[Leg, Vectors]
    legs: Mapping[Leg, Sequence[Candidate]]
    ranked: Sequence[Ranked]
    degraded: Sequence[str] = ()
    lasts: bool = True
    depth: int = 0
    diversity: Diversity | None = None

    def at_least(self, min_score: float | None) -> Sequence[Ranked]:
        """The ranking down to a score."""
        return self.ranked if min_score is None else [one for one in self.ranked if one.score >= min_score]


def depth_of(query: SearchQuery) -> int:
    """How many products each leg of a query is asked for."""
    return max(DEPTH, DEPTH_PER_HIT * query.limit)


def ranking(query: SearchQuery, legs: Mapping[Leg, Sequence[Candidate]]) -> list[Ranked]:
    """The legs fused; a product that is asked with is none of its own answers."""
    return [one for one in fuse(legs, query.weights, query.fusion) if one.product_id != query.like]
