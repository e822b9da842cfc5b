"""A large catalog on a Milvus server: searches of the service over HTTP beside those of a bare pymilvus client.

Both ask in the same two legs with the same parameters, filters and vectors, by turns and from a process of their own;
the bare client sends its legs side by side, and does no more. The service is asked by words, whose encoder has its
vectors ready, or by a product, whose vectors it reads from the database.
"""

import argparse
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
from pymilvus import MilvusClient

from app.adapters.milvus.schema import search_params
from app.bootstrap import Application
from app.domain.builds import Build
from app.services.search_legs import DEPTH, ROWS_PER_CANDIDATE
from scripts.bench.drawn_encoder import DrawnLoader
from scripts.bench.large_catalog import CATALOG, all_vectors, fill_live, open_large
from scripts.bench.products import report
from scripts.bench.services import listening, service

SHARES = (1.0, 0.5, 0.05, 0.005)
ROUNDS = 3
_PATH = f"/v1/catalogs/{CATALOG.name}/search"

Laps = tuple[list[float], float]
"""Milliseconds of each search, and the seconds that all took together."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=50_000, help="each has a picture and a caption")
    parser.add_argument("--by", choices=["words", "product"], default="words")
    parser.add_argument("--queries", type=int, default=200, help="of each client kind, share and round")
    asked = parser.parse_args()
    loader = DrawnLoader()
    with service("production", encoder="drawn", loader=loader) as application:
        build = open_large(application, asked.products)
        fill_live(application, build)
        vectors = all_vectors(asked.products, build.encoder.dimension)
        loader.encoder.known = vectors
        step = 0 if asked.by == "words" else 1  # a product has a vector for each leg
        with listening(application) as connection, ProcessPoolExecutor(1, get_context("spawn")) as other:
            for share in SHARES:
                for clients in (1, 8):
                    laps: dict[str, list[Laps]] = {"bare": [], "service": []}
                    for turn in range(ROUNDS + 1):  # the first warms up
                        chosen = random.Random(turn).sample(range(asked.products), asked.queries)
                        most = round(share * asked.products)
                        bare = [(vectors[2 * one].tobytes(), vectors[2 * one + step].tobytes()) for one in chosen]
                        expression = f'attributes["serial"] < {most}' if share < 1 else ""
                        ran = other.submit(ask_bare, _bare(application, build), bare, expression, clients).result()
                        bodies = [_body(asked.by, one, most if share < 1 else None) for one in chosen]
                        served = other.submit(ask_service, connection.port, bodies, clients).result()
                        if turn:
                            laps["bare"].append(ran)
                            laps["service"].append(served)
                    told = {"products": asked.products, "by": asked.by, "share": share, "clients": clients}
                    told["milvus_mib"] = _milvus_mib()
                    report("served", told | _told(laps))


def _milvus_mib() -> int:
    """Resident memory of the Milvus server that this process started; 0 where another one is asked."""
    mine = f"PPid:\t{os.getpid()}\n"
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # a process that has ended since
            told = status.read_text()
            if told.startswith("Name:\tmilvus") and mine in told:
                return int(re.findall(r"VmRSS:\s+(\d+) kB", told)[0]) // 1024
    return 0


def _bare(application: Application, build: Build) -> dict[str, Any]:
    limits = {build.images: DEPTH * ROWS_PER_CANDIDATE, build.texts: DEPTH}
    legs = [
        (name, limit, dict(search_params(build.index, limit=limit, exact=False))) for name, limit in limits.items()
    ]
    return {"uri": application.settings.vector_uri, "legs": legs}


def _body(by: str, place: int, most: int | None) -> bytes:
    legs = {"image": 1, "text": 1}
    asked = {"text": str(2 * place)} if by == "words" else {"image": {"product_id": f"p{place:07}"}}
    stated: dict[str, Any] = {**asked, "legs": legs}
    return orjson.dumps(stated if most is None else stated | {"filter": {"serial": {"lt": most}}})


def _told(laps: Mapping[str, Sequence[Laps]]) -> dict[str, Any]:
    p50 = {name: statistics.median(ms for lap, _ in some for ms in lap) for name, some in laps.items()}
    qps = {name: statistics.median(len(lap) / seconds for lap, seconds in some) for name, some in laps.items()}
    return {
        "p50_ms": {name: round(value, 2) for name, value in p50.items()},
        "p50_beyond_1.3_times": round(p50["service"] - 1.3 * p50["bare"], 2),
        "per_s": {name: round(value, 1) for name, value in qps.items()},
        "per_s_ratio": round(qps["service"] / qps["bare"], 3),
    }


def ask_service(port: int, bodies: Sequence[bytes], clients: int) -> Laps:
    """Ask the service, so many clients at a time, each on a connection of its own."""
    connections = [HTTPConnection("127.0.0.1", port) for _ in range(clients)]

    def ask(client: int, body: bytes) -> None:
        connections[client].request("POST", _PATH, body, {"Content-Type": "application/json"})
        answer = connections[client].getresponse()
        found = orjson.loads(answer.read())
        if answer.status != 200 or found["degraded"]:
            raise RuntimeError(str(found)[:200])

    return _timed(ask, bodies, clients)


def ask_bare(where: Mapping[str, Any], queries: Sequence[tuple[bytes, bytes]], expression: str, clients: int) -> Laps:
    """Ask Milvus alone."""
    client = MilvusClient(where["uri"])
    with ThreadPoolExecutor(2 * clients) as legs:

        def leg(named: tuple[str, int, dict[str, Any]], vector: bytes) -> Any:
            collection, limit, params = named
            return client.search(
                collection,
                data=[vector],
                anns_field="vector",
                filter=expression,
                limit=limit,
                output_fields=["product_id"],
                search_params=params,
                consistency_level="Session",
            )

        return _timed(lambda _, query: list(legs.map(leg, where["legs"], query)), queries, clients)


def _timed(ask: Callable[[int, Any], Any], queries: Sequence[Any], clients: int) -> Laps:
    def one(client: int) -> list[float]:
        took = []
        for query in queries[client::clients]:
            started = time.perf_counter()
            ask(client, query)
            took.append((time.perf_counter() - started) * 1e3)
        return took

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        laps = [lap for some in pool.map(one, range(clients)) for lap in some]
    return laps, time.perf_counter() - started


if __name__ == "__main__":
    main()
