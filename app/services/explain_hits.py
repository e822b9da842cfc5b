"""Telling of each hit where it comes from: its place in every leg, what that adds, and the filter it passes."""

from collections.abc import Mapping, Sequence

from app.domain.answers import Explanation, Hit, InLeg
from app.domain.builds import Build
from app.domain.deciding import deciding, read_conditions
from app.domain.embeddings import Vectors
from app.domain.fusion import contributions
from app.domain.products import Schema, unknown_catalog
from app.domain.search import Candidate, Leg, SearchQuery
from app.ports.database import Database, Transaction
from app.services.build_rows import PlannedRow
from app.services.search_legs import Found, Plan
from app.services.stored_vectors import Rows, rows_with_vectors

ExactScores = Mapping[Leg, Mapping[str, float]]
"""By leg and product_id the score of a product's best row, as its stored vectors have it."""


def explain_hits(database: Database, plan: Plan, query: SearchQuery, found: Found, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, each with its explanation."""
    ids = [hit.product.product_id for hit in hits]
    with database.reading() as transaction:
        exact = exact_scores(transaction, plan.build, found, ids)
        read = read_conditions(query.filter or {}, schema_of(transaction, plan.build.catalog))
    legs = places(query, found, exact, ids)

    def explained(hit: Hit) -> Explanation:
        return Explanation(legs[hit.product.product_id], deciding(read, hit.product.attributes))

    return [hit._replace(explanation=explained(hit)) for hit in hits]


def places(
    query: SearchQuery, found: Found, exact: ExactScores, product_ids: Sequence[str]
) -> dict[str, dict[Leg, InLeg]]:
    """Where each product stands in each leg that brought it or that has a vector of it."""
    wanted = set(product_ids)
    gained = contributions(found.legs, query.weights, query.fusion)
    told: dict[str, dict[Leg, InLeg]] = {product_id: {} for product_id in product_ids}
    for leg, candidates in found.legs.items():
        near = exact.get(leg, {})
        for product_id, score in near.items():
            told[product_id][leg] = InLeg(exact_score=score)
        for one in candidates:
            if one.product_id in wanted:
                gain = gained[leg][one.product_id]
                told[one.product_id][leg] = InLeg(one.rank, _indexed(one), gain, near.get(one.product_id))
    return told


def _indexed(one: Candidate) -> float:
    return one.score if one.approximate is None else one.approximate


def exact_scores(
    transaction: Transaction, build: Build, found: Found, product_ids: Sequence[str]
) -> dict[Leg, dict[str, float]]:
    """What the stored vectors of these products score in each leg that was asked; those without one are left out."""
    scores: dict[Leg, dict[str, float]] = {}
    asked = {*found.legs, *map(Leg, found.degraded)}
    if not asked:
        return scores
    for leg, rows in rows_by_leg(*rows_with_vectors(transaction, build, product_ids)).items():
        if leg in asked:
            planned, best = best_scores(rows, found.vectors[leg])
            scores[leg] = {row.product_id: float(score) for row, score in zip(planned, best, strict=True)}
    return scores


def rows_by_leg(captions: Rows | None, pictures: Rows | None) -> dict[Leg, Rows]:
    """Rows of captions and of pictures under the leg that searches them, where there are any."""
    return {leg: rows for leg, rows in ((Leg.TEXT, captions), (Leg.IMAGE, pictures)) if rows is not None}


def best_scores(rows: Rows, queries: Vectors) -> tuple[Sequence[PlannedRow], Vectors]:
    """A row of each product, and the score of its best row with any of the queries, shape (products,)."""
    planned, scores = rows.best(queries)
    return planned, scores.max(axis=0)


def schema_of(transaction: Transaction, catalog: str) -> Schema:
    """What a catalog declares. Raises `NotFound` (`unknown_catalog`)."""
    declared = transaction.catalogs.get(catalog)
    if declared is None:
        raise unknown_catalog(catalog)
    return declared.attributes
