"""Search overhead: what a query costs beside encoding it and asking Milvus, over HTTP, asked by another process.

Titles of the catalog are asked for, each once, every second one with a filter and facets. The split is the service's
own `timings_ms`, and the overhead is the whole request's time less `encode` and `legs`. A request lasts from its
first byte sent to the last one of its answer: what an HTTP client makes of them is its own (Python's takes 0.4 ms
more).
"""

import argparse
import re
import socket
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import orjson

from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, listening, service

_HEAD = (
    b"POST /v1/catalogs/default/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
_MOST = 1024 * 1024  # bytes read at a time: an answer has some ten thousand


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--products", type=int, default=None, help="take only the first N")
    parser.add_argument("--queries", type=int, default=1_000)
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    with service(asked.backend, encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        # A process of its own asks, as a storefront does: it shares no lock with the service.
        with listening(application) as connection, ProcessPoolExecutor(1, get_context("spawn")) as client:
            client.submit(_ask_all, connection.port, _queries(products, 20)).result()
            laps = client.submit(_ask_all, connection.port, _queries(products, asked.queries)).result()
    for kind, some in (("text", laps[::2]), ("filter and facets", laps[1::2])):
        names = sorted({name for lap in some for name in lap})
        p50 = {name: round(statistics.median(lap[name] for lap in some), 2) for name in names}
        told = {"kind": kind, "backend": asked.backend, "products": len(products.submissions), "queries": len(some)}
        report("search", told | {"p50_ms": p50})


def _queries(products: Products, count: int) -> list[bytes]:
    asked = products.submissions[:: max(1, len(products.submissions) // count)][:count]
    bodies: list[bytes] = []
    for place, one in enumerate(asked):
        body: dict[str, object] = {"text": one.product.title}
        if place % 2 and one.product.attributes:
            name, value = next(iter(one.product.attributes.items()))
            body |= {"filter": {name: value}, "facets": list(one.product.attributes)}
        bodies.append(orjson.dumps(body))
    return bodies


def _ask_all(port: int, bodies: Sequence[bytes]) -> list[dict[str, float]]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [_ask(connection, body) for body in bodies]


def _ask(connection: socket.socket, body: bytes) -> dict[str, float]:
    """One query's laps in milliseconds: the service's own, the whole request, and the overhead."""
    request = _HEAD % len(body) + body
    started = time.perf_counter()
    connection.sendall(request)
    head, _, answer = connection.recv(_MOST).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    while length is not None and len(answer) < int(length[1]):
        answer += connection.recv(_MOST)
    seconds = (time.perf_counter() - started) * 1e3
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + answer).decode())
    laps: dict[str, float] = orjson.loads(answer)["timings_ms"]
    return {**laps, "request": seconds, "overhead": seconds - laps["encode"] - laps["legs"]}


if __name__ == "__main__":
    main()
