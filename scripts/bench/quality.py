"""Quality: is the fused ranking as good as its best leg, whatever is asked?

A block of products that the encoder was not trained on is a catalog, asked by labels: the article type alone, with
the colour, with the gender, with both, and with the colour and another ending, which no title has. What counts is the
nDCG@10 of each leg alone and of what they are fused to, with the weights that a query has by itself and with others;
and how often the product is first whose model number is asked for: numbers that begin alike, written into the
descriptions of some.
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
from app.domain.submissions import Submission
from scripts.bench.labels import LABELS, label_queries, ndcg
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, service

GROUPS = (LABELS[2:], LABELS[1:], (LABELS[0], LABELS[2]), LABELS)
ENDING = "s"  # of most article types
NUMBERED = 80  # every so many products have a model number
IMAGE = (0.0, 0.1, 0.25, 0.5, 1.0)
KEYWORD = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 16.0)
ALL = "all"

Legs = Mapping[Leg, Sequence[Candidate]]


@dataclass(frozen=True)
class Group:
    """Queries of some labels, and what each leg finds for each."""

    title: str
    names: Sequence[str]
    queries: Sequence[Sequence[str]]
    legs: Sequence[Legs]


@dataclass(frozen=True)
class Asked:
    """All that is asked: by labels, and the products that are meant by model numbers, with what each leg finds."""

    groups: Sequence[Group]
    meant: Sequence[str]
    legs: Sequence[Legs]


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
    products = replace(everything, submissions=[_numbered(place, one) for place, one in enumerate(block)])
    with service("embedded", encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        groups = _asked(application, products, asked.queries)
    for leg in Leg:
        report("quality", {"leg": leg.value} | _scores(products, groups, {leg: 1.0}, Fusion.RRF))
    usual = SearchQuery("words").weights
    for fusion in Fusion:
        report("quality", {"fused": fusion.value, "weights": "usual"} | _scores(products, groups, usual, fusion))
    for fusion, image, keyword in product(Fusion, IMAGE, KEYWORD):
        weights = {Leg.IMAGE: image, Leg.TEXT: 1.0, Leg.KEYWORD: keyword}
        told = {"fused": fusion.value, "image": image, "keyword": keyword}
        report("quality", told | _scores(products, groups, weights, fusion))


def _numbered(place: int, one: Submission) -> Submission:
    if place % NUMBERED or one.product is None:
        return one
    return replace(one, product=replace(one.product, description=f"model {_model(place)}"))


def _model(place: int) -> str:
    return f"QX-{1_000 + place}"


def _asked(application: Application, products: Products, count: int) -> Asked:
    groups = []
    for names in GROUPS:
        queries = label_queries(products, count, names)
        texts = [" ".join(labels) for labels in queries]
        groups.append(Group(" + ".join(names), names, queries, list(_found(application, texts))))
        if names == LABELS[1:]:
            bare = [" ".join(word.removesuffix(ENDING) for word in text.split()) for text in texts]
            groups.append(Group("another ending", names, queries, list(_found(application, bare))))
    numbered = range(0, len(products.submissions), NUMBERED)
    meant = [products.submissions[place].product.product_id for place in numbered]
    return Asked(groups, meant, list(_found(application, [_model(place) for place in numbered])))


def _found(application: Application, texts: Sequence[str]) -> Iterator[Legs]:
    searcher = application.searcher
    for text in texts:
        query = SearchQuery(text)
        plan = searcher.plan("default", query)
        yield searcher.legs.search(plan, query, searcher.encoder.vectors(plan.build, query))


def _scores(products: Products, asked: Asked, weights: Mapping[Leg, float], fusion: Fusion) -> dict[str, object]:
    """The mean nDCG@10 of each group and of all queries, and how often a model number is found first."""
    used = {leg: weight for leg, weight in weights.items() if weight}
    scores = {group.title: _group_scores(products, group, used, fusion) for group in asked.groups}
    scores[ALL] = [one for some in scores.values() for one in some]
    rankings = [_fused(legs, used, fusion) for legs in asked.legs]
    scores["model first"] = [float(some[:1] == [one]) for some, one in zip(rankings, asked.meant, strict=True)]
    return {title: round(statistics.fmean(some), 4) for title, some in scores.items()}


def _group_scores(products: Products, group: Group, weights: Mapping[Leg, float], fusion: Fusion) -> list[float]:
    scores = []
    for labels, legs in zip(group.queries, group.legs, strict=True):
        scores.append(ndcg(products, labels, _fused(legs, weights, fusion), group.names))
    return scores


def _fused(legs: Legs, weights: Mapping[Leg, float], fusion: Fusion) -> list[str]:
    used = {leg: some for leg, some in legs.items() if leg in weights}
    return [one.product_id for one in fuse(used, weights, fusion)]


if __name__ == "__main__":
    main()
