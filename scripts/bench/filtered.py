"""Searches under filters of every strictness: recall@10 against the exact answer, and milliseconds.

Beside each stands the same leg asked of the store with the filter as an expression, as a client of its own would.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.embeddings import Vectors
from app.domain.search import Leg, SearchQuery
from scripts.bench.drawn_encoder import DrawnLoader
from scripts.bench.large_catalog import CATALOG, all_vectors, clustered, fill_live, open_large
from scripts.bench.products import report
from scripts.bench.services import service
from scripts.bench.tuning import live_with

SHARES = (1.0, 0.5, 0.05, 0.005, 0.0005)
ASKED = 100
TOP = 10
SEED = 10**6  # of no product's vector


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--backend", choices=["embedded", "production"], default="production")
    parser.add_argument("--index", action="append", help="index types, each in a build of its own")
    asked = parser.parse_args()
    with service(asked.backend, encoder="drawn", loader=DrawnLoader()) as application:
        build = open_large(application, asked.products)
        fill_live(application, build)
        queries = clustered(ASKED, build.encoder.dimension, seed=SEED)
        exact = queries @ all_vectors(asked.products, build.encoder.dimension)[1::2].T  # of captions
        for index in asked.index or ["HNSW", "IVF_FLAT"]:
            build = live_with(application, index)
            stricter: list[list[str]] = []
            for share in sorted(SHARES):
                figures, stricter = _measured(application, build, queries, exact, share, stricter)
                told = {"backend": asked.backend, "index": index, "products": asked.products, "share": share}
                report("filtered", told | figures)


def _measured(
    application: Application, build: Build, queries: Vectors, exact: Vectors, share: float, stricter: list[list[str]]
) -> tuple[dict[str, Any], list[list[str]]]:
    most = round(share * exact.shape[1])
    query = SearchQuery("by its vector", filter={"serial": {"lt": most}} if share < 1 else None, legs={Leg.TEXT: 1.0})
    best = [[f"p{place:07}" for place in np.argsort(-row[:most], kind="stable")[:TOP]] for row in exact]

    def by_service(vector: Vectors) -> list[str]:
        plan = application.searcher.plan(CATALOG.name, query)
        legs = application.searcher.legs.search(plan, query, {Leg.TEXT: vector})
        return [one.product_id for one in legs[Leg.TEXT][:TOP]]

    def by_expression(vector: Vectors) -> list[str]:
        where = application.searcher.plan(CATALOG.name, query).where
        (found,) = application.store.search(build.texts, vector, limit=100, index=build.index, where=where)
        return [one.product_id for one in found[:TOP]]

    ours, theirs = (_asked(one, queries) for one in (by_service, by_expression))
    missed = sum(_unfair(*one) for one in zip(stricter, ours[0], exact, strict=False))
    return {
        "passing": most,
        "recall@10": _recall(ours[0], best),
        "expression_recall@10": _recall(theirs[0], best),
        "p50_ms": ours[1],
        "expression_p50_ms": theirs[1],
        "found_by_the_stricter_alone": missed,
    }, ours[0]


def _asked(ask: Callable[[Vectors], list[str]], queries: Vectors) -> tuple[list[list[str]], float]:
    for vector in queries[:5]:
        ask(vector[None])
    took, answers = [], []
    for vector in queries:
        started = time.perf_counter()
        answers.append(ask(vector[None]))
        took.append((time.perf_counter() - started) * 1e3)
    return answers, round(statistics.median(took), 2)


def _recall(answers: Sequence[Sequence[str]], best: Sequence[Sequence[str]]) -> float:
    shares = [len(set(one) & set(other)) / max(len(other), 1) for one, other in zip(answers, best, strict=True)]
    return round(statistics.fmean(shares), 4)


def _unfair(strict: Sequence[str], loose: Sequence[str], scores: Vectors) -> bool:
    """Whether the stricter filter found a product that the looser one missed, though it found worse ones."""
    worst = min((scores[_number(one)] for one in loose), default=np.inf)
    return any(one not in loose and scores[_number(one)] > worst for one in strict)


def _number(product_id: str) -> int:
    return int(product_id.removeprefix("p"))


if __name__ == "__main__":
    main()
