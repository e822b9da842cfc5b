"""`vitrine tune` on a real catalog, or on drawn vectors: what it finds, what it takes, and how searches change by it.

With a manifest the catalog is ingested with `--encoder`; with `--products` its vectors are drawn, as
`large_catalog.py` says. Searches are timed whole, by words and in turn with and without a filter, before and after.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.bootstrap import Application
from app.cli.tuning.chart import draw
from app.domain.build_steps import BuildEvent
from app.domain.builds import Build
from app.domain.embeddings import text_hash
from app.domain.search import BY_VECTOR, Leg, SearchQuery
from app.domain.tuning import MEASURED, TUNED, TUNING, Tuning
from app.services.start_tuning import start_tuning
from scripts.bench.drawn_encoder import DrawnLoader
from scripts.bench.large_catalog import CATALOG, fill_live, open_large
from scripts.bench.products import read_products, report
from scripts.bench.services import accept_all, finished, service

ASKED = 200  # products by whose captions is searched: a median of as many is told to within a few percent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path, nargs="?")
    parser.add_argument("--encoder", help="the model directory for a manifest")
    parser.add_argument("--products", type=int, default=20_000, help="so many are drawn where there is no manifest")
    parser.add_argument("--backend", choices=["embedded", "production"], default="production")
    parser.add_argument("--index", action="append", help="index types to tune, each in a build of its own")
    parser.add_argument("--compare", action="append", default=[], help="index types to compare beside the first")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--png", type=Path, help="a folder for the curves")
    asked = parser.parse_args()
    loader = None if asked.manifest else DrawnLoader()
    with service(asked.backend, encoder=asked.encoder or "drawn", loader=loader) as application:
        if asked.manifest:
            products = read_products(asked.manifest)
            accept_all(application, products)
            while finished(application) < len(products.submissions):
                time.sleep(0.5)
        else:
            fill_live(application, open_large(application, asked.products))
        compare = asked.compare
        for index in asked.index or ["HNSW"]:
            build = live_with(application, index)
            before = _searches(application, build)
            told, seconds = _tuned(application, build, Tuning.asked(asked.recall))
            after = _searches(application, build)
            report("tuning", {"index": index, "seconds": seconds, "before": before, "after": after, "tuned": told})
            if asked.png:
                draw(_titled(build, told), asked.png / f"{index}.png")
            if compare:
                told, seconds = _tuned(application, build, Tuning.asked(asked.recall, compare))
                report("comparison", {"seconds": seconds, "compared": told["compared"]})
            compare = []


def live_with(application: Application, index: str) -> Build:
    """The live build, or one that takes its place where its index is of another type."""
    live = _live(application)
    if live.index.type == index:
        return live
    build = application.start_build(CATALOG.name, encoder=None, index=index, params={}, rate=None)
    while _state(application, build) == "building":
        time.sleep(0.5)
    application.switch.promote(CATALOG.name, build.id, force=True, reason="a benchmark")
    return _live(application)


def _state(application: Application, build: Build) -> str:
    with application.database.reading() as transaction:
        found = transaction.builds.get(build.id)
    return found.state.value if found else "gone"


def _live(application: Application) -> Build:
    with application.database.reading() as transaction:
        build = transaction.builds.live(CATALOG.name)
    if build is None:
        raise RuntimeError("no build is live")
    return build


def _titled(build: Build, told: Mapping[str, Any]) -> dict[str, Any]:
    """What was told, with what stands above its curves."""
    index = build.index
    params = {**index.build_params, **index.search_params}
    at = datetime.now(UTC).isoformat()
    return {"build": build.id, "catalog": build.catalog, "index": index.type, "params": params, "at": at, **told}


def _tuned(application: Application, build: Build, tuning: Tuning) -> tuple[Mapping[str, Any], float]:
    """What was found, stored or not, and the seconds that took."""
    started = time.perf_counter()
    start_tuning(application.database, application.jobs, CATALOG.name, build.id, tuning)
    while (last := _last(application, build)).what == TUNING:
        time.sleep(0.2)
    if last.what not in (TUNED, MEASURED):
        raise RuntimeError("it was not tuned: the log says why")
    told = last.told if last.what == MEASURED else _live(application).tuned or {}
    return told, round(time.perf_counter() - started, 1)


def _last(application: Application, build: Build) -> BuildEvent:
    with application.database.reading() as transaction:
        events: Sequence[BuildEvent] = transaction.builds.events(build.id)
    return events[-1]


def _searches(application: Application, build: Build) -> dict[str, Any]:
    """Median milliseconds of the legs of a query, and how many candidates both bring, without a filter and with."""
    with application.database.reading() as transaction:
        ids = transaction.holdings.sample(build.id, ASKED)
        shown = transaction.products.shown(CATALOG.name, ids)
        catalog = transaction.catalogs.get(CATALOG.name)
        captions = {
            one.product.product_id: text_hash(one.product.caption(catalog.caption if catalog else ()))
            for one in transaction.products.versions(CATALOG.name, ids)
        }
        stored = transaction.embeddings.get(build.encoder.fingerprint, sorted(set(captions.values())))
    found: dict[str, Any] = {}
    for name in ("plain", "filtered"):
        took, candidates = [], []
        for product_id in ids:
            colour = shown[product_id].attributes.get("colour")
            stated = {"colour": colour} if name == "filtered" else None
            query = SearchQuery("asked by its vector", filter=stated, legs=dict.fromkeys(BY_VECTOR, 1.0))
            vector = stored[captions[product_id]][np.newaxis]
            started = time.perf_counter()
            plan = application.searcher.plan(CATALOG.name, query)
            legs = application.searcher.legs.search(plan, query, {Leg.TEXT: vector, Leg.IMAGE: vector})
            took.append((time.perf_counter() - started) * 1e3)
            candidates.append(min(len(some) for some in legs.values()))
        found[name] = {"ms": round(statistics.median(took), 2), "candidates": statistics.median(candidates)}
    return found


if __name__ == "__main__":
    main()
