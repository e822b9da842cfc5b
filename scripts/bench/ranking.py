"""Ranking: does the fused search find what its legs find?

Every asked product is searched by its title, and by another photo of it where a second manifest has one; what counts
is the rank of the product itself, in each leg alone and fused, for several weights, by reciprocal ranks with several
constants and by weighted scores. Products that share a title share the rank of the last of them: a title cannot tell
them apart. The keyword leg is left to `keywords.py`.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from app.bootstrap import Application
from app.domain.fusion import reciprocal_ranks, weighted_scores
from app.domain.recall import recall
from app.domain.search import BY_VECTOR, Candidate, Leg, SearchQuery
from scripts.bench.labels import label_queries, ndcg
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, service

MISSED = 10_000  # the rank of what is not among the candidates
FUSIONS: dict[str, Callable[..., dict[str, float]]] = {
    f"rrf, k {k:g}": partial(reciprocal_ranks, k=k) for k in (1.0, 5.0, 10.0, 60.0)
}
FUSIONS["weighted"] = weighted_scores
WEIGHTS = (0.1, 0.25, 0.5, 1.0)  # of the weaker leg; the other one has 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--held-out", default="validation", help="the value of column `split` to ask for")
    parser.add_argument("--photos", type=Path, help="a manifest with another photo of the same products")
    parser.add_argument("--queries", type=int, default=1_000)
    asked = parser.parse_args()
    products = read_products(asked.manifest)
    with service("embedded", encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        wanted = [one for one in products.submissions if one.product.attributes.get("split") == asked.held_out]
        titles = {one.product.product_id: SearchQuery(one.product.title, limit=25) for one in wanted[: asked.queries]}
        _compare("title", application, titles, Leg.IMAGE)
        _compare_labels(application, products, asked.queries)
        if asked.photos is not None:
            others = read_products(asked.photos)
            photos = dict(_photo_queries(others, set(titles)))
            _compare("photo", application, photos, Leg.TEXT)


def _photo_queries(others: Products, wanted: set[str]) -> Iterator[tuple[str, SearchQuery]]:
    for one in others.submissions:
        if one.product.product_id in wanted and isinstance(one.pictures[0], bytes):
            yield one.product.product_id, SearchQuery(image=one.pictures[0], limit=25)


def _compare_labels(application: Application, products: Products, count: int) -> None:
    queries = label_queries(products, count)
    legs = [_legs(application, SearchQuery(" ".join(labels), limit=25)) for labels in queries]

    def mean(weights: Mapping[Leg, float], fusion: str) -> float:
        scored = [FUSIONS[fusion](_weighed(given, weights), weights) for given in legs]
        rankings = [sorted(sorted(scores), key=scores.__getitem__, reverse=True) for scores in scored]
        found = [ndcg(products, labels, ranking) for labels, ranking in zip(queries, rankings, strict=True)]
        return round(float(np.mean(found)), 4)

    alone = {leg.value: mean({leg: 1.0}, "weighted") for leg in BY_VECTOR}
    report("ranking by labels", {"queries": len(queries), "legs_ndcg@10": alone})
    for fusion in FUSIONS:
        for weight in WEIGHTS:
            figures: dict[str, object] = {
                "fusion": fusion,
                "image": weight,
                "text": 1.0,
                "ndcg@10": mean({Leg.IMAGE: weight, Leg.TEXT: 1.0}, fusion),
            }
            report("ranking by labels", figures)


def _weighed(legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> dict[Leg, Sequence[Candidate]]:
    return {leg: candidates for leg, candidates in legs.items() if leg in weights}


def _legs(application: Application, query: SearchQuery) -> dict[Leg, Sequence[Candidate]]:
    searcher = application.searcher
    plan = searcher.plan("default", query)
    found = searcher.legs.search(plan, query, searcher.encoder.vectors(plan.build, query))
    return {leg: candidates for leg, candidates in found.items() if leg in BY_VECTOR}


def _compare(kind: str, application: Application, queries: Mapping[str, SearchQuery], weaker: Leg) -> None:
    legs = {product_id: _legs(application, query) for product_id, query in queries.items()}
    alone = {
        leg.value: _summary({one: _own_rank(one, given[leg]) for one, given in legs.items()}) for leg in BY_VECTOR
    }
    report(f"ranking by {kind}", {"queries": len(queries), "legs": alone})
    stronger = next(leg for leg in BY_VECTOR if leg is not weaker)
    for fusion in FUSIONS:
        for weight in WEIGHTS:
            weights = {weaker: weight, stronger: 1.0}
            fused = {one: _fused_rank(one, given, weights, fusion) for one, given in legs.items()}
            figures = {"fusion": fusion, weaker.value: weight, stronger.value: 1.0, **_summary(fused)}
            report(f"ranking by {kind}", figures)


def _own_rank(product_id: str, candidates: Sequence[Candidate]) -> int:
    """The worst rank among those that score the same as the product itself."""
    own = next((one for one in candidates if one.product_id == product_id), None)
    if own is None:
        return MISSED
    return sum(one.score >= own.score for one in candidates)


def _fused_rank(
    product_id: str, legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], fusion: str
) -> int:
    scores = FUSIONS[fusion](legs, weights)
    return sum(one >= scores[product_id] for one in scores.values()) if product_id in scores else MISSED


def _summary(ranks: Mapping[str, int]) -> dict[str, float]:
    found = recall(np.array(list(ranks.values()), dtype=np.int64))
    rounded = {"R@1": found.at_1, "R@5": found.at_5, "R@10": found.at_10, "median": found.median_rank}
    return {name: round(value, 3) for name, value in rounded.items()}


if __name__ == "__main__":
    main()
