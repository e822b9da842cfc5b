"""Keywords: is what a shopper names found first?

A catalog is asked by titles, by brands (the attribute `brand`, or the first word of a title), by model numbers (words
of letters and digits that few titles have), as they stand, in one piece and in pieces; and, to see what that costs,
by labels, which describe and name nothing. What counts is how often a product that is meant comes first: by the words
alone, and fused with several weights of the keyword leg. Encodes the catalog.
"""

import argparse
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.bootstrap import Application
from app.domain.fusion import fuse
from app.domain.product_words import asked_terms
from app.domain.search import BY_WORDS, Candidate, Leg, SearchQuery
from scripts.bench.labels import label_queries, ndcg
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, service

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)  # of the keyword leg; the others have their own
_MODEL = re.compile(r"(?<!\S)(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z\d][A-Za-z\d./-]{2,}[A-Za-z\d](?!\S)")
_FEW = 3  # titles with one model number, in several colours

Legs = Mapping[Leg, Sequence[Candidate]]


@dataclass(frozen=True)
class Asked:
    """Words, and the products that are meant."""

    text: str
    meant: frozenset[str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--products", type=int, help="how many of the manifest; all, if nothing is said")
    parser.add_argument("--queries", type=int, default=500, help="of each kind at most")
    parser.add_argument("--no-pictures", action="store_true", help="captions alone: encoded in a tenth of the time")
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    if asked.no_pictures:
        bare = [replace(one, pictures=()) for one in products.submissions]
        products = replace(products, submissions=bare)
    with service("embedded", encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        for kind, queries in kinds(products).items():
            step = max(1, len(queries) // asked.queries)
            _ask(application, kind, queries[::step][: asked.queries])
        _ask_labels(application, products, asked.queries)


def kinds(products: Products) -> dict[str, list[Asked]]:
    """What is asked, by kind."""
    titles, brands, models = (defaultdict[str, set[str]](set) for _ in range(3))
    for one in products.submissions:
        product_id, title = one.product.product_id, one.product.title
        titles[" ".join(title.lower().split())].add(product_id)
        brands[str(one.product.attributes.get("brand") or title.split()[0]).lower()].add(product_id)
        for found in set(_MODEL.findall(title)):
            models[found].add(product_id)
    rare = {name: ids for name, ids in models.items() if len(ids) <= _FEW}
    together = {re.sub(r"[^A-Za-z\d]", "", name).lower(): ids for name, ids in rare.items()}
    apart = {" ".join(re.findall(r"\d+|[A-Za-z]+", name)): ids for name, ids in rare.items()}
    found = {"title": titles, "brand": brands, "model": rare, "model together": together, "model apart": apart}
    return {
        kind: [Asked(text, frozenset(ids)) for text, ids in sorted(some.items())]
        for kind, some in found.items()
        if some
    }


def _ask(application: Application, kind: str, queries: Sequence[Asked]) -> None:
    legs = list(_legs(application, [one.text for one in queries]))
    alone = [_first(given[Leg.KEYWORD], one.meant) for given, one in zip(legs, queries, strict=True)]
    figures: dict[str, object] = {"queries": len(queries), "leg_ms": _leg_ms(application, queries)}
    figures["keyword leg first"] = round(statistics.mean(alone), 3)
    for weight in WEIGHTS:
        right = [_first(_fused(given, weight), one.meant) for given, one in zip(legs, queries, strict=True)]
        figures[f"first at {weight:g}"] = round(statistics.mean(right), 3)
    report(f"keywords: {kind}", figures)


def _ask_labels(application: Application, products: Products, count: int) -> None:
    queries = label_queries(products, count)
    if not queries:
        return
    legs = list(_legs(application, [" ".join(labels) for labels in queries]))
    figures: dict[str, object] = {"queries": len(queries)}
    for weight in WEIGHTS:
        rankings = [_fused(given, weight) for given in legs]
        found = [ndcg(products, labels, some) for labels, some in zip(queries, rankings, strict=True)]
        figures[f"ndcg@10 at {weight:g}"] = round(statistics.mean(found), 4)
    report("keywords: labels", figures)


def _legs(application: Application, texts: Sequence[str]) -> Iterator[Legs]:
    searcher = application.searcher
    for text in texts:
        query = SearchQuery(text)
        plan = searcher.plan("default", query)
        yield searcher.legs.search(plan, query, searcher.encoder.vectors(plan.build, query))


def _fused(legs: Legs, weight: float) -> list[str]:
    used = {leg: some for leg, some in legs.items() if weight or leg is not Leg.KEYWORD}
    weights = {**SearchQuery("words").weights, Leg.KEYWORD: weight or BY_WORDS}
    return [one.product_id for one in fuse(used, weights)]


def _first(ranking: Sequence[Candidate] | Sequence[str], meant: frozenset[str]) -> bool:
    """Whether a product that is meant comes first, before all others that are as good."""
    if ranking and isinstance(ranking[0], Candidate):
        best = [one.product_id for one in ranking if isinstance(one, Candidate) and one.rank == 1]
        return all(one in meant for one in best)
    return bool(ranking) and ranking[0] in meant


def _leg_ms(application: Application, queries: Sequence[Asked]) -> float:
    """How long the store takes for a query, in the middle."""
    build = application.searcher.plan("default", SearchQuery("words")).build
    took = []
    for one in queries:
        started = time.perf_counter()
        application.store.search_words(build.texts, asked_terms(one.text), limit=100)
        took.append((time.perf_counter() - started) * 1e3)
    return round(statistics.median(took), 2)


if __name__ == "__main__":
    main()
