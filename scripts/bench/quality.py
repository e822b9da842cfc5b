"""Quality: is the fused ranking as good as its best leg, whatever is asked?

A block of products that the encoder was not trained on is a catalog, asked by labels: the article type alone, with
the colour, with the gender, and with both. What counts is the nDCG@10 of each leg alone and of what they are fused
to, with the weights that a query has by itself and with others.
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from app.bootstrap import Application
from app.domain.fusion import fuse
from app.domain.search import Candidate, Fusion, Leg, SearchQuery
from scripts.bench.labels import LABELS, label_queries, ndcg
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, service

GROUPS = (LABELS[2:], LABELS[1:], (LABELS[0], LABELS[2]), LABELS)
IMAGE = (0.0, 0.1, 0.25, 0.5, 1.0)
KEYWORD = (0.0, 0.25, 0.5, 1.0, 2.0)
ALL = "all"

Legs = Mapping[Leg, Sequence[Candidate]]


@dataclass(frozen=True)
class Group:
    """Queries of some labels, and what each leg finds for each."""

    names: Sequence[str]
    queries: Sequence[Sequence[str]]
    legs: Sequence[Legs]

    @property
    def title(self) -> str:
        """What is asked for."""
        return " + ".join(self.names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--held-out", default="validation", help="the value of column `split` of the block")
    parser.add_argument("--queries", type=int, default=200, help="of each group at most")
    asked = parser.parse_args()
    everything = read_products(asked.manifest)
    block = [one for one in everything.submissions if one.product.attributes.get("split") == asked.held_out]
    products = replace(everything, submissions=block)
    with service("embedded", encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        groups = [_group(application, products, names, asked.queries) for names in GROUPS]
    for leg in Leg:
        report("quality", {"leg": leg.value} | _scores(products, groups, {leg: 1.0}, Fusion.RRF))
    usual = SearchQuery("words").weights
    for fusion in Fusion:
        report("quality", {"fused": fusion.value, "weights": "usual"} | _scores(products, groups, usual, fusion))
    for fusion, image, keyword in product(Fusion, IMAGE, KEYWORD):
        weights = {Leg.IMAGE: image, Leg.TEXT: 1.0, Leg.KEYWORD: keyword}
        told = {"fused": fusion.value, "image": image, "keyword": keyword}
        report("quality", told | _scores(products, groups, weights, fusion))


def _group(application: Application, products: Products, names: Sequence[str], count: int) -> Group:
    queries = label_queries(products, count, names)
    return Group(names, queries, list(_found(application, queries)))


def _found(application: Application, queries: Sequence[Sequence[str]]) -> Iterator[Legs]:
    searcher = application.searcher
    for labels in queries:
        query = SearchQuery(" ".join(labels))
        plan = searcher.plan("default", query)
        yield searcher.legs.search(plan, query, searcher.encoder.vectors(plan.build, query))


def _scores(
    products: Products, groups: Sequence[Group], weights: Mapping[Leg, float], fusion: Fusion
) -> dict[str, object]:
    """The mean nDCG@10 of each group, and of all queries."""
    asked = {leg: weight for leg, weight in weights.items() if weight}
    scores = {group.title: _group_scores(products, group, asked, fusion) for group in groups}
    scores[ALL] = [one for some in scores.values() for one in some]
    return {title: round(statistics.fmean(some), 4) for title, some in scores.items()}


def _group_scores(products: Products, group: Group, weights: Mapping[Leg, float], fusion: Fusion) -> list[float]:
    scores = []
    for labels, legs in zip(group.queries, group.legs, strict=True):
        used = {leg: some for leg, some in legs.items() if leg in weights}
        ranking = [one.product_id for one in fuse(used, weights, fusion)]
        scores.append(ndcg(products, labels, ranking, group.names))
    return scores


if __name__ == "__main__":
    main()
