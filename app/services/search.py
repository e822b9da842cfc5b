"""Answering a query: encode, search the legs side by side, collapse, fuse, hydrate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.answers import SearchResult, Total
from app.domain.cursors import MAX_PLACES, Cursor, Placed, digest_of
from app.domain.filters import Filter, parse_filter
from app.domain.search import Leg, Ranked, SearchQuery
from app.ports.database import Database
from app.services.await_legs import await_legs, will_answer
from app.services.build_rows import position_of
from app.services.catalog_columns import Selection
from app.services.catalog_now import CatalogReader
from app.services.diversify import diversified
from app.services.explain_hits import explain_hits
from app.services.fill_page import fill_page
from app.services.next_page import next_page
from app.services.query_vectors import QueryEncoder
from app.services.record_queries import QueryRecorder
from app.services.seal_cursors import Cursors
from app.services.search_legs import Found, Legs, Plan, ranking
from app.services.search_moment import Moment, moment_of
from app.services.searches_first import SearchesFirst
from app.services.stopwatch import Stopwatch
from app.services.time_budget import TimeBudget
from app.services.watch_recall import RecallWatch


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything that searching needs; `budget_s` is how long the legs of a query may take."""

    database: Database
    encoder: QueryEncoder
    legs: Legs
    catalogs: CatalogReader
    recorder: QueryRecorder
    first: SearchesFirst
    cursors: Cursors
    watch: RecallWatch
    budget_s: float

    def search(self, catalog: str, query: SearchQuery, cursor: str | None = None) -> SearchResult:
        """Answer one query, or go on with it where the page before ended, in the ranking that it had then.

        A leg that fails or is late is left out as long as another answers.

        Raises `NotFound` (`unknown_catalog`, `unknown_product`), `Invalid` for its filter, what `PictureChecker` and
        `PictureFetcher` raise for its picture, what `Cursors` raises for its cursor, and `Unavailable`.
        """
        watch = Stopwatch()
        if cursor is not None:
            self.first.note()
            return self._next(catalog, query, cursor, watch)
        return self.answer(self.begin(catalog, query), query, watch)

    def answer(self, moment: Moment, query: SearchQuery, watch: Stopwatch) -> SearchResult:
        """Answer a query that has begun."""
        self.first.note()
        plan, catalog = moment.plan, moment.now.catalog.name
        watch.lap("plan")
        found = Found({}, {}, []) if query.browses else self.find(plan, query, watch)
        begun, chosen = _begun(plan, query, found)
        facets = chosen.facets(plan.facets)
        watch.lap("facets")
        hits, rest = next_page(self.database, begun, plan.where, plan.passing, query.limit)
        following = self.cursors.sealed(rest)
        watch.lap("hydrate")
        if query.explain:
            hits = explain_hits(self.database, plan, query, found, hits)
            watch.lap("explain")
        elif not query.browses:  # whoever asks why is no shopper
            self.recorder.note(catalog, query)
            self.watch.note(plan, query, found)
        laps = watch.readings()
        return SearchResult(
            hits, rest.total, rest.build_id, rest.encoder, laps, facets, rest.degraded, following, lasts=found.lasts
        )

    def asked(self, catalog: str, query: SearchQuery) -> None:
        """Note a query that was answered without being searched for: shoppers asked it all the same."""
        self.first.note()
        if not query.browses:
            self.recorder.note(catalog, query)

    def _next(self, catalog: str, query: SearchQuery, cursor: str, watch: Stopwatch) -> SearchResult:
        """Go on where a page ended."""
        begun = self.cursors.opened(cursor, catalog, query)
        where, passing = self._passing(begun)
        watch.lap("plan")
        hits, rest = next_page(self.database, begun, where, passing, query.limit)
        following = self.cursors.sealed(rest)
        watch.lap("hydrate")
        laps = watch.readings()
        return SearchResult(hits, rest.total, rest.build_id, rest.encoder, laps, {}, rest.degraded, following)

    def plan(self, catalog: str, query: SearchQuery) -> Plan:
        """Where a query is answered that begins now."""
        return self.begin(catalog, query).plan

    def begin(self, catalog: str, query: SearchQuery) -> Moment:
        """Read once which build answers, and of which products: a query ends on the build it began with."""
        return moment_of(query, self.catalogs.now(catalog))

    def find(self, plan: Plan, query: SearchQuery, watch: Stopwatch) -> Found:
        """Encode a query, search its legs and fuse them, deeper where too little of that may be shown."""
        vectors = self.encoder.vectors(plan.build, query)
        watch.lap("encode")
        budget = TimeBudget(self.budget_s)

        def at(depth: int) -> Found:
            asked = self.legs.ask(plan, query, vectors, budget, depth=depth)
            legs = await_legs(asked, budget)
            watch.lap("legs")
            ranked = ranking(query, legs)
            watch.lap("fuse")
            missing = [leg for leg in asked if leg not in legs]
            lasts = not any(will_answer(asked[leg]) for leg in missing)
            found = Found(vectors, legs, ranked, tuple(leg.value for leg in missing), lasts, depth)
            if not query.diverse:
                return found
            found = diversified(self.database, plan, query, found)
            watch.lap("choose")
            return found

        return fill_page(at, plan, query)

    def _passing(self, cursor: Cursor) -> tuple[Filter | None, Selection]:
        """The filter of a cursor, read again (a catalog's attributes keep their types), and what passes it now."""
        now = self.catalogs.now(cursor.catalog)
        where = parse_filter(cursor.filter, now.catalog.attributes) if cursor.filter else None
        return where, now.products.passing(where)


def _begun(plan: Plan, query: SearchQuery, found: Found) -> tuple[Cursor, Selection]:
    """All that there is to show of a query, and the products that its total and its facets are of."""
    build = plan.build
    begun = Cursor(
        build.catalog, digest_of(query), query.filter, build.id, build.encoder.shown_name, group=query.group
    )
    if query.browses:
        return begun, plan.passing
    ranked = found.at_least(query.min_score)
    chosen = plan.passing.among([one.product_id for one in ranked])
    begun = replace(
        begun,
        total=_total(plan, found, chosen),
        ranking=_placed(found, ranked)[:MAX_PLACES],
        degraded=found.degraded,
    )
    return begun, chosen


def _total(plan: Plan, found: Found, chosen: Selection) -> Total:
    """What there is to page through: no other candidate passes, or those that do are not known."""
    everything = chosen.count == plan.passing.count
    if found.diversity is None:
        return Total(chosen.count, exact=everything, scope="candidates")
    return Total(len(found.diversity.shown), exact=everything and found.diversity.whole, scope="candidates")


def _placed(found: Found, ranked: Sequence[Ranked]) -> list[Placed]:
    positions = {one.product_id: position_of(one.row_id) for one in found.legs.get(Leg.IMAGE, ())}
    if found.diversity is None:
        return [Placed(product_id, score, positions.get(product_id)) for product_id, score in ranked]
    alike = found.diversity.duplicates
    return [
        Placed(product_id, score, positions.get(product_id), size, alike[product_id])
        for (product_id, score), size in zip(found.diversity.shown, found.diversity.sizes, strict=True)
    ]
