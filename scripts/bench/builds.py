"""Another encoder while the shop is open: a whole build, promote, rollback, promote, under searches and changes.

Two other processes search and change products all the while. Afterwards what was answered is compared with what the
database and both builds have: nothing may be lost, stale or back from the dead, and no search may have failed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.uploads import TERMINAL
from scripts.bench.products import read_products, report
from scripts.bench.services import accept_all, counts, finished, listening, service
from scripts.bench.shoppers import Change, Search, change_on, search_on

BEFORE_S = 20.0  # of searches to compare with: 400 of them at 20 a second
BETWEEN_S = 5.0  # on each build after a switch


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
        with listening(application) as connection, ProcessPoolExecutor(2, get_context("spawn")) as shoppers:
            searches = shoppers.submit(search_on, connection.port, over, asked.per_second, titles)
            changes = shoppers.submit(change_on, connection.port, over, asked.per_second, changed, 1)
            try:
                moments = _switch(connection, asked.other)
            finally:
                Path(over).touch()
            asked_for, ledger = searches.result(), changes.result()
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
    print(orjson.dumps(told["report"]).decode())
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
        return round(statistics.quantiles(some, n=20)[18], 1)

    before, during = p95("began", "started"), p95("started", "ready")
    return {
        "searches": len(searches),
        "failed_searches": sum(one.build is None for one in searches),
        "builds_that_answered": len({one.build for one in searches}),
        "filled_in_s": round(moments["ready"] - moments["started"], 1),
        "p95_ms": {"before": before, "during": during, "ratio": round(during / before, 2)},
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
        compared = {build.id: transaction.holdings.compare(build.id) for build in builds}
    wrong = dict.fromkeys(("lost", "stale", "resurrected"), 0)
    for build in builds:
        rows = _rows(application, build, list(standing))
        for product_id, product in standing.items():
            there = rows.get(product_id)
            wrong["resurrected"] += product.deleted and there is not None
            wrong["lost"] += not product.deleted and there is None
            wrong["stale"] += not product.deleted and there not in (None, product.version)
    unaccounted = sum(standing[name].version != one.version for name, one in newest.items())
    return {
        "changes": len(ledger),
        "refused": sum(one.status >= 300 for one in ledger),
        "builds": len(builds),
        **wrong,
        "accepted_and_not_newest": unaccounted,
        "noted_missing": sum(one.missing + one.extra for one in compared.values()),
    }


def _rows(application: Application, build: Build, product_ids: Sequence[str]) -> dict[str, int]:
    """The version of each product's rows; -1 where those of its picture and its caption differ."""
    texts = application.store.versions(build.texts, product_ids)
    images = application.store.versions(build.images, [f"{one}#0" for one in product_ids])
    pictured = {row_id.removesuffix("#0"): version for row_id, version in images.items()}
    ids = texts.keys() | pictured.keys()
    return {one: texts[one] if texts.get(one) == pictured.get(one, texts.get(one)) else -1 for one in ids}


if __name__ == "__main__":
    main()
