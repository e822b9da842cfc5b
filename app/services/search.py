"""Answering a query: encode, search the legs side by side, collapse, fuse, hydrate."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from app.domain.builds import Build
from app.domain.embeddings import Vectors
from app.domain.filters import Filter, parse_filter
from app.domain.passing import passes
from app.domain.products import unknown_catalog
from app.domain.search import Candidate, Hit, Leg, Ranked, SearchQuery, SearchResult, ShownProduct, Total, fuse, rank
from app.domain.uploads import Picture
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.build_rows import position_of
from app.services.query_vectors import QueryEncoder

DEPTH = 100  # candidates a leg gives at least: what one leg ranks low the other may lift
DEPTH_PER_HIT = 4
ROWS_PER_CANDIDATE = 2  # a product may have many pictures; asked again, deeper, where that was too few
MAX_ROWS = 16_384  # Milvus's limit of one search


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a query is answered: the live build of its catalog, and its filter as the catalog's schema reads it."""

    build: Build
    where: Filter | None


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything that searching needs. `pool` runs the legs side by side."""

    database: Database
    store: VectorStore
    encoder: QueryEncoder
    pool: Executor

    def search(self, catalog: str, query: SearchQuery) -> SearchResult:
        """Answer one query.

        Raises `NotFound` (`unknown_catalog`, `unknown_product`), `Invalid` for its filter, what `PictureChecker` and
        `PictureFetcher` raise for its picture, and `Unavailable`.
        """
        watch = Stopwatch()
        plan = self.plan(catalog, query)
        watch.lap("plan")
        if query.browses:
            hits, total = self._browse(catalog, plan, query.limit)
        else:
            vectors = self.encoder.vectors(catalog, plan.build, query)
            watch.lap("encode")
            legs = self.legs(plan, query, vectors)
            watch.lap("legs")
            ranking = [one for one in fuse(legs, query.weights) if one.product_id != query.like]
            watch.lap("fuse")
            hits = self._hydrate(catalog, plan, ranking, query.limit, legs.get(Leg.IMAGE, ()))
            total = Total(len(ranking), exact=False, scope="candidates")
        watch.lap("hydrate")
        return SearchResult(hits, total, plan.build.id, plan.build.encoder.shown_name, watch.readings())

    def plan(self, catalog: str, query: SearchQuery) -> Plan:
        """Read once which build answers: a query ends on the build it began with."""
        with self.database.reading() as transaction:
            searched = transaction.builds.searched(catalog)
        if searched is None:
            raise unknown_catalog(catalog)
        declared, build = searched
        return Plan(build, parse_filter(query.filter, declared.attributes) if query.filter else None)

    def _browse(self, catalog: str, plan: Plan, limit: int) -> tuple[list[Hit], Total]:
        with self.database.reading() as transaction:
            count, products = transaction.products.browse(catalog, plan.where, limit=limit)
        return [Hit(product) for product in products], Total(count, exact=True, scope="catalog")

    def legs(self, plan: Plan, query: SearchQuery, vectors: Mapping[Leg, Vectors]) -> dict[Leg, Sequence[Candidate]]:
        """The candidates of every leg that has a weight, searched side by side."""
        depth = max(DEPTH, DEPTH_PER_HIT * query.limit)
        wanted = [leg for leg, weight in query.weights.items() if weight and len(vectors[leg])]
        found = self.pool.map(lambda leg: self._leg(plan, leg, vectors[leg], depth), wanted)
        return dict(zip(wanted, found, strict=True))

    def _leg(self, plan: Plan, leg: Leg, vectors: Vectors, depth: int) -> list[Candidate]:
        collection = plan.build.images if leg is Leg.IMAGE else plan.build.texts
        rows = depth * (ROWS_PER_CANDIDATE if leg is Leg.IMAGE else 1)
        while True:
            found = self.store.search(collection, vectors, limit=rows, index=plan.build.index, where=plan.where)
            candidates = rank([(row.id, row.product_id, row.score) for some in found for row in some])
            exhausted = all(len(some) < rows for some in found) or rows >= MAX_ROWS
            if len(candidates) >= depth or exhausted:
                return candidates[:depth]
            rows = min(rows * 4, MAX_ROWS)

    def _hydrate(
        self, catalog: str, plan: Plan, ranking: Sequence[Ranked], limit: int, images: Sequence[Candidate]
    ) -> list[Hit]:
        """The first `limit` of the ranking that are still there and still pass the filter."""
        rows = {one.product_id: one.row_id for one in images}
        hits: list[Hit] = []
        start = 0
        while len(hits) < limit and start < len(ranking):
            some = ranking[start : start + limit]
            start += len(some)
            with self.database.reading() as transaction:
                shown = transaction.products.shown(catalog, [one.product_id for one in some])
            for product_id, score in some:
                product = shown.get(product_id)
                if product is not None and (plan.where is None or passes(plan.where, product.attributes)):
                    hits.append(Hit(product, score, _matched(rows.get(product_id), product)))
        return hits[:limit]


def _matched(row_id: str | None, product: ShownProduct) -> Picture | None:
    """The picture that the image leg found, if the newest version still has it."""
    if row_id is None:
        return None
    position = position_of(row_id)
    usable = (one for one in product.pictures if one.content_hash and not one.error_code)
    return next((one for one in usable if one.position == position), None)


class Stopwatch:
    """Laps in milliseconds."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """End a lap under this name."""
        now = time.perf_counter()
        self._laps[name] = (now - self._last) * 1e3
        self._last = now

    def readings(self) -> dict[str, float]:
        """Every lap, and the total, to a hundredth of a millisecond."""
        total = (self._last - self._start) * 1e3
        return {name: round(value, 2) for name, value in {**self._laps, "total": total}.items()}
