"""A cached query over HTTP beside an empty route of the same service: requests a second, in turn, and their ratio.

Another process asks, over one connection or several, each as soon as it is answered.
"""

import argparse
import re
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import orjson

from scripts.bench.drawn_encoder import DrawnLoader
from scripts.bench.large_catalog import fill_live, open_large
from scripts.bench.products import report
from scripts.bench.services import listening, service

QUERY = orjson.dumps({"text": "a red dress", "filter": {"colour": "red"}, "facets": ["colour"]})
EMPTY = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CACHED = (
    b"POST /v1/catalogs/default/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(QUERY), QUERY)
)
_LENGTH = re.compile(rb"content-length: (\d+)")
_MOST = 1024 * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--connections", type=int, action="append", help="1, 4 and 8 if not given")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each route in each round")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with service(asked.backend, encoder="drawn", loader=DrawnLoader(), cache_mb=64) as application:
        fill_live(application, open_large(application, asked.products))
        with listening(application) as connection, ProcessPoolExecutor(1, get_context("spawn")) as client:
            for connections in asked.connections or (1, 4, 8):

                def per_second(request: bytes, connections: int = connections) -> float:
                    answered = client.submit(_ask_for, connection.port, request, connections, asked.seconds)
                    return float(answered.result() / asked.seconds)

                told = {"backend": asked.backend, "products": asked.products, "connections": connections}
                report("cached", told | _compared(per_second, asked.rounds))


def _compared(per_second: Callable[[bytes], float], rounds: int) -> dict[str, object]:
    per_second(CACHED)
    pairs = [(per_second(EMPTY), per_second(CACHED)) for _ in range(rounds)]
    return {
        "empty_per_s": round(statistics.median(empty for empty, _ in pairs)),
        "cached_per_s": round(statistics.median(cached for _, cached in pairs)),
        "ratio": round(statistics.median(cached / empty for empty, cached in pairs), 3),
    }


def _ask_for(port: int, request: bytes, connections: int, seconds: float) -> int:
    """How many requests are answered within so many seconds."""
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(lambda _: _ask_until(port, request, until), range(connections)))


def _ask_until(port: int, request: bytes, until: float) -> int:
    answered = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.perf_counter() < until:
            connection.sendall(request)
            received = connection.recv(_MOST)
            head, _, answer = received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            while length is not None and len(answer) < int(length[1]):
                answer += connection.recv(_MOST)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError((head + answer).decode())
            answered += 1
    return answered


if __name__ == "__main__":
    main()
