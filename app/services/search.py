"""Answering a query: encode, search the legs side by side, collapse, fuse, hydrate."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.facets import check_facets
from app.domain.filters import parse_filter
from app.domain.passing import passes
from app.domain.products import unknown_catalog
from app.domain.search import Candidate, Hit, Leg, Ranked, SearchQuery, SearchResult, ShownProduct, Total
from app.domain.uploads import Picture
from app.ports.database import Database
from app.services.build_rows import position_of
from app.services.catalog_columns import CatalogColumns
from app.services.query_vectors import QueryEncoder
from app.services.record_queries import QueryRecorder
from app.services.search_legs import Legs, Plan, ranking
from app.services.searches_first import SearchesFirst


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything that searching needs."""

    database: Database
    encoder: QueryEncoder
    legs: Legs
    columns: CatalogColumns
    recorder: QueryRecorder
    first: SearchesFirst

    def search(self, catalog: str, query: SearchQuery) -> SearchResult:
        """Answer one query.

        Raises `NotFound` (`unknown_catalog`, `unknown_product`), `Invalid` for its filter, what `PictureChecker` and
        `PictureFetcher` raise for its picture, and `Unavailable`.
        """
        self.first.note()
        watch = Stopwatch()
        plan = self.plan(catalog, query)
        watch.lap("plan")
        if query.browses:
            chosen = plan.passing
            total = Total(chosen.count, exact=True, scope="catalog")
            hits = self._browse(catalog, plan, query.limit)
        else:
            vectors = self.encoder.vectors(plan.build, query)
            watch.lap("encode")
            legs = self.legs.search(plan, query, vectors)
            watch.lap("legs")
            ranked = ranking(query, legs)
            chosen = plan.passing.among([one.product_id for one in ranked])
            total = Total(chosen.count, exact=chosen.count == plan.passing.count, scope="candidates")
            watch.lap("fuse")
            hits = self._hydrate(catalog, plan, ranked, query.limit, legs.get(Leg.IMAGE, ()))
            self.recorder.note(catalog, query)
        watch.lap("hydrate")
        facets = {name: chosen.facet(name, declared) for name, declared in plan.facets.items()}
        watch.lap("facets")
        build = plan.build
        return SearchResult(hits, total, build.id, build.encoder.shown_name, watch.readings(), facets)

    def plan(self, catalog: str, query: SearchQuery) -> Plan:
        """Read once which build answers, and what passes: a query ends on the build it began with."""
        with self.database.reading() as transaction:
            searched = transaction.builds.searched(catalog)
            if searched is None:
                raise unknown_catalog(catalog)
            declared, build = searched
            where = parse_filter(query.filter, declared.attributes) if query.filter else None
            facets = check_facets(query.facets, declared.attributes)
            snapshot = self.columns.snapshot(transaction, catalog)
        return Plan(build, where, snapshot.passing(where), facets)

    def _browse(self, catalog: str, plan: Plan, limit: int) -> list[Hit]:
        """The first that are still there, and still pass, when they are read."""
        hits: list[Hit] = []
        after = ""
        while len(hits) < limit and (page := plan.passing.page(after, limit)):
            hits += [Hit(product) for _, product in self._still_there(catalog, plan, page)]
            after = page[-1]
        return hits[:limit]

    def _hydrate(
        self, catalog: str, plan: Plan, ranked: Sequence[Ranked], limit: int, images: Sequence[Candidate]
    ) -> list[Hit]:
        """The first `limit` of the ranking that are still there and still pass the filter."""
        rows = {one.product_id: one.row_id for one in images}
        hits: list[Hit] = []
        start = 0
        while len(hits) < limit and start < len(ranked):
            some = ranked[start : start + limit]
            start += len(some)
            scores = dict(some)
            for product_id, product in self._still_there(catalog, plan, list(scores)):
                hits.append(Hit(product, scores[product_id], _matched(rows.get(product_id), product)))
        return hits[:limit]

    def _still_there(
        self, catalog: str, plan: Plan, product_ids: Sequence[str]
    ) -> Iterator[tuple[str, ShownProduct]]:
        with self.database.reading() as transaction:
            shown = transaction.products.shown(catalog, product_ids)
        for product_id in product_ids:
            product = shown.get(product_id)
            if product is not None and (plan.where is None or passes(plan.where, product.attributes)):
                yield product_id, product


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
