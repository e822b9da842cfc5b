"""Another encoder while the shop is open: a whole build, promote, rollback, promote, under searches and changes.

Other processes search and change products all the while. Afterwards what was answered is compared with what the
database and both builds have: nothing may be lost, stale or back from the dead, and no search may have failed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from http.client import HTTPConnection
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.uploads import TERMINAL, ProductVersion
from app.services.build_rows import picture_row_id
from scripts.bench.products import read_products, report
from scripts.bench.services import accept_all, counts, finished, listening, service
from scripts.bench.shoppers import Change, Search, change_on, search_on

BEFORE_S = 20.0  # of searches to compare with: 400 of them at 20 a second
BETWEEN_S = 5.0  # on each build after a switch
SEARCHERS = 4  # so that one slow answer does not keep the others from being asked
POSITIONS = 3  # of pictures that are looked for: one more than any product here has


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="the model directory to begin with")
    parser.add_argument("--other", required=True, help="the one to change to")
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--products", type=int, default=None, help="take only the first N")
    parser.add_argument("--per-second", type=float, default=20.0, help="searches, and changes, a second")
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    with service(asked.backend, encoder=asked.encoder) as application, tempfile.TemporaryDirectory() as folder:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.5)
        titles = [one.product.title for one in products.submissions]
        changed = [(one.product.product_id, one.product.title) for one in products.submissions]
        over = f"{folder}/over"
        with (
            listening(application) as connection,
            ProcessPoolExecutor(SEARCHERS + 1, get_context("spawn")) as shoppers,
        ):
            searches = [
                shoppers.submit(search_on, connection.port, over, asked.per_second / SEARCHERS, titles[place:])
                for place in range(SEARCHERS)
            ]
            changes = shoppers.submit(change_on, connection.port, over, asked.per_second, changed, 1)
            try:
                moments = _switch(connection, asked.other)
            finally:
                Path(over).touch()
            asked_for = [one for some in searches for one in some.result()]
            ledger = changes.result()
        _settle(application)
        figures = _latencies(asked_for, moments) | _compare(application, ledger)
    report("builds", {"backend": asked.backend, "products": len(products.submissions), **figures})


def _switch(connection: HTTPConnection, other: str) -> dict[str, float]:
    """Build, promote, roll back, promote; returns the moments."""
    builds = "/v1/catalogs/default/builds"
    time.sleep(5)  # until both shoppers are there
    moments = {"began": time.time()}
    time.sleep(BEFORE_S)
    moments["started"] = time.time()
    build = _call(connection, "POST", builds, {"encoder": other})["id"]
    while (told := _call(connection, "GET", f"{builds}/{build}"))["state"] == "building":
        time.sleep(0.5)
    moments["ready"] = time.time()
    moments |= {event["what"]: datetime.fromisoformat(event["at"]).timestamp() for event in told["events"]}
    print(orjson.dumps(told["report"]["checks"]).decode())
    for action in ("promote", "rollback", "promote"):
        _call(connection, "POST", f"{builds}/{build}:{action}")
        moments[action] = time.time()
        time.sleep(BETWEEN_S)
    return moments


def _call(connection: HTTPConnection, method: str, path: str, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else orjson.dumps(body), headers)
    answer = connection.getresponse()
    document = orjson.loads(answer.read())
    connection.close()  # before the service does, which waits five seconds for another request
    if answer.status >= 300:
        raise RuntimeError(document)
    return document


def _settle(application: Application) -> None:
    while any(count for state, count in counts(application).items() if state not in TERMINAL):
        time.sleep(0.5)


def _latencies(searches: Sequence[Search], moments: dict[str, float]) -> dict[str, object]:
    def p95(begin: str, end: str) -> float:
        some = [one.ms for one in searches if moments[begin] <= one.at < moments[end]]
        return round(statistics.quantiles(some, n=20)[18], 1) if len(some) > 1 else 0.0

    before, during = p95("began", "started"), p95("started", "ready")
    steps = {
        f"{begin}..{end}": {"seconds": round(moments[end] - moments[begin], 1), "p95_ms": p95(begin, end)}
        for begin, end in pairwise(sorted(moments, key=lambda one: moments[one]))
    }
    return {
        "searches": len(searches),
        "failed_searches": sum(one.build is None for one in searches),
        "builds_that_answered": len({one.build for one in searches}),
        "filled_in_s": round(moments["ready"] - moments["started"], 1),
        "p95_ms": {"before": before, "during": during, "ratio": round(during / before, 2)},
        "steps": steps,
    }


def _compare(application: Application, ledger: Sequence[Change]) -> dict[str, object]:
    """The counters of the ledger, over both builds."""
    newest: dict[str, Change] = {}
    for one in ledger:
        if one.status < 300 and one.version >= newest.get(one.product_id, one).version:
            newest[one.product_id] = one
    with application.database.reading() as transaction:
        builds = transaction.builds.taking()
        standing = transaction.products.standing_between("default", "", "")
        stored = transaction.products.versions("default", list(standing))
        compared = {build.id: transaction.holdings.compare(build.id) for build in builds}
    versions = {one.product.product_id: one for one in stored}
    wrong = dict.fromkeys(("lost", "stale", "resurrected"), 0)
    for build in builds:
        rows = _rows(application, build, standing)
        for product_id, product in standing.items():
            expected = set() if product.deleted else _row_ids(versions[product_id])
            there = {row_id: version for row_id, version in rows[product_id].items() if version is not None}
            wrong["resurrected"] += product.deleted and bool(there)
            wrong["lost"] += bool(expected - there.keys())
            wrong["stale"] += bool(there.keys() - expected) and not product.deleted
            wrong["stale"] += any(there.get(row_id, product.version) != product.version for row_id in expected)
    unaccounted = sum(standing[name].version != one.version for name, one in newest.items())
    return {
        "changes": len(ledger),
        "refused": sum(one.status >= 300 for one in ledger),
        "builds": len(builds),
        **wrong,
        "accepted_and_not_newest": unaccounted,
        "noted_missing": sum(one.missing + one.extra for one in compared.values()),
    }


def _rows(application: Application, build: Build, product_ids: Collection[str]) -> dict[str, dict[str, int | None]]:
    """By product, the version of each row that a build might have of it; None for one that is not there."""
    pictures = [picture_row_id(one, position) for one in product_ids for position in range(POSITIONS)]
    found = application.store.stamps(build.texts, list(product_ids))
    found |= application.store.stamps(build.images, pictures)
    return {
        one: {
            row: found[row].version if row in found else None
            for row in (one, *(picture_row_id(one, at) for at in range(POSITIONS)))
        }
        for one in product_ids
    }


def _row_ids(version: ProductVersion) -> set[str]:
    """The rows that a build has of a version: its caption's, and one for each of its pictures."""
    first = {
        picture.content_hash: picture.position for picture in reversed(version.pictures) if not picture.error_code
    }
    product_id = version.product.product_id
    return {product_id, *(picture_row_id(product_id, position) for position in first.values())}


if __name__ == "__main__":
    main()
