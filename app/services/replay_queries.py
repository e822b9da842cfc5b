"""Asking two builds what was asked before: how far their answers differ, and by judged queries which is better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.builds import Build
from app.domain.embeddings import Vectors, text_hash
from app.domain.errors import Invalid, NotFound
from app.domain.filters import parse_filter
from app.domain.products import Catalog, unknown_catalog
from app.domain.queries import ndcg, overlap, recall, told_of
from app.domain.search import BY_VECTOR, Leg, SearchQuery
from app.ports.database import Database, Transaction
from app.services.catalog_columns import CatalogColumns, Snapshot
from app.services.encode_contents import Missing, without
from app.services.own_vectors import DEPTH
from app.services.query_vectors import mixed, vectors_of_product
from app.services.search_legs import Legs, Plan, ranking

REPLAYED = 200
"""Recorded queries that are asked again: a mean overlap is told to within a few hundredths."""

LOSERS = 5
"""Queries of each kind that are shown side by side."""

_SHOWN = 5  # products of each side: as many as a person compares at a glance


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and what both builds answer, the best product first; `grades` are there if it was judged.

    `weight` is how often it was asked.
    """

    query: SearchQuery
    live: Sequence[str]
    build: Sequence[str]
    weight: int = 1
    grades: Mapping[str, float] = field(default_factory=dict)

    @property
    def overlap(self) -> float:
        """The share of products that both answers have."""
        return overlap(self.live, self.build)

    @property
    def ndcg(self) -> tuple[float, float]:
        """nDCG@10 of the live build and of the other."""
        return ndcg(self.live, self.grades, DEPTH), ndcg(self.build, self.grades, DEPTH)

    @property
    def recall(self) -> tuple[float, float]:
        """recall@10 of the live build and of the other."""
        return recall(self.live, self.grades, DEPTH), recall(self.build, self.grades, DEPTH)


@dataclass(frozen=True, slots=True)
class Replay:
    """The recorded and the judged queries with both answers, and how many of either could not be asked."""

    recorded: Sequence[Asked]
    judged: Sequence[Asked]
    recorded_unasked: int
    judged_unasked: int


@dataclass(frozen=True, slots=True)
class Replayer:
    """Everything that asking kept queries again needs."""

    database: Database
    legs: Legs

    def lacking(self, builds: Sequence[Build]) -> list[Missing]:
        """The words of kept queries that have no embedding, under the encoder of each build."""
        with self.database.reading() as transaction:
            texts = {text_hash(text): text for text in _texts(transaction, builds[0].catalog)}
            return [
                Missing(build.encoder, [], missing)
                for build in builds
                if (missing := without(texts, transaction.embeddings.known(build.encoder.fingerprint, sorted(texts))))
            ]

    def replay(self, build: Build, live: Build, between: Callable[[], object]) -> Replay:
        """Ask the recorded and the judged queries; `between` is called after each.

        One that cannot be asked is counted and passed over: a product or an attribute of it is gone, its words have
        no embedding, or no product is there that is a good answer.
        """
        with self.database.reading() as transaction:
            declared = transaction.catalogs.get(build.catalog)
            recorded = transaction.queries.recorded(build.catalog, most=REPLAYED, hits=DEPTH)
            judged = transaction.queries.judged(build.catalog)
            good = sorted({name for one in judged for name, grade in one.grades.items() if grade})
            standing = transaction.products.standing(build.catalog, good)
            snapshot = CatalogColumns().snapshot(transaction, build.catalog)
        there = {name for name, one in standing.items() if not one.deleted}
        if declared is None:
            raise unknown_catalog(build.catalog)

        def ask(query: SearchQuery, weight: int, grades: Mapping[str, float]) -> Asked | None:
            try:
                before, now = (self._answer(declared, snapshot, one, query) for one in (live, build))
            except (Invalid, NotFound):
                return None
            finally:
                between()
            return Asked(query, before, now, weight, grades)

        again = [ask(one.query, one.asked, {}) for one in recorded]
        graded = [
            ask(SearchQuery(one.text, limit=DEPTH), 1, one.grades) if there & one.grades.keys() else None
            for one in judged
        ]
        asked_again, asked_graded = [one for one in again if one], [one for one in graded if one]
        return Replay(asked_again, asked_graded, len(again) - len(asked_again), len(graded) - len(asked_graded))

    def _answer(self, declared: Catalog, snapshot: Snapshot, build: Build, query: SearchQuery) -> list[str]:
        """By its vectors alone: encoder and index are what builds differ in, and words hide what these lose."""
        where = parse_filter(query.filter, declared.attributes) if query.filter else None
        plan = Plan(build, where, snapshot.passing(where))
        query = replace(query, legs={leg: query.weights.get(leg, 0.0) for leg in BY_VECTOR})
        with self.database.reading() as transaction:
            vectors = _vectors(transaction, build, query)
        ranked = ranking(query, self.legs.search(plan, query, vectors))
        return [one.product_id for one in ranked[:DEPTH]]

    def losers(self, catalog: str, measure: str, asked: Sequence[tuple[Asked, float, float]]) -> list[dict[str, Any]]:
        """Those of the queries, each with its measure before and now, that lose most, with what both sides show."""
        lost = sorted((one for one in asked if one[2] < one[1]), key=lambda one: (one[2] - one[1], -one[0].weight))
        worst = lost[:LOSERS]
        ids = sorted({one for asked, _, _ in worst for one in (*asked.live[:_SHOWN], *asked.build[:_SHOWN])})
        with self.database.reading() as transaction:
            shown = transaction.products.shown(catalog, ids)

        def side(asked: Asked, ranked: Sequence[str]) -> list[dict[str, Any]]:
            return [
                {"product_id": one, "title": shown[one].title, **_graded(asked, one)}
                for one in ranked[:_SHOWN]
                if one in shown
            ]

        return [
            {
                "query": told_of(asked.query),
                "measure": measure,
                "before": round(before, 4),
                "now": round(now, 4),
                "live": side(asked, asked.live),
                "build": side(asked, asked.build),
            }
            for asked, before, now in worst
        ]


def _graded(asked: Asked, product_id: str) -> dict[str, float]:
    return {"grade": asked.grades[product_id]} if asked.grades.get(product_id) else {}


def _texts(transaction: Transaction, catalog: str) -> set[str]:
    recorded = transaction.queries.recorded(catalog, most=REPLAYED, hits=DEPTH)
    judged = transaction.queries.judged(catalog)
    return {one.query.text for one in recorded if one.query.text is not None} | {one.text for one in judged}


def _vectors(transaction: Transaction, build: Build, query: SearchQuery) -> Mapping[Leg, Vectors]:
    """As `QueryEncoder` makes them, of stored embeddings. Raises `NotFound` where there is none."""
    if query.like is None:
        return dict.fromkeys(BY_VECTOR, _words(transaction, build, query.text or ""))
    stored = vectors_of_product(transaction, build, query.like)
    if query.text is None:
        return stored
    words = _words(transaction, build, query.text)
    return {leg: mixed(vectors, words) for leg, vectors in stored.items()}


def _words(transaction: Transaction, build: Build, text: str) -> Vectors:
    name = text_hash(text)
    found = transaction.embeddings.get(build.encoder.fingerprint, [name])
    if name not in found:
        raise NotFound("the words of a query have no embedding", code="not_indexed")
    return found[name][None]
