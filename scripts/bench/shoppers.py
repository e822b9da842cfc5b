"""Who a benchmark lets into the shop: one process that searches, and one that changes products, at a steady pace.

Each writes down what it did. The changes are a ledger: what was sent, and what was answered.
"""

import random
import re
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_HEAD = "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
_MOST = 1024 * 1024


@dataclass(frozen=True)
class Search:
    """One search: when, how long it took, and the build that answered; None where it failed."""

    at: float
    ms: float
    build: str | None


@dataclass(frozen=True)
class Change:
    """One change: of which product, of what kind, and the answer."""

    product_id: str
    kind: str
    status: int
    version: int
    upload_id: str


def search_on(port: int, until: str, per_second: float, titles: Sequence[str]) -> list[Search]:
    """Search for one title after the other until the file `until` is there."""
    done: list[Search] = []
    with _Caller(port) as caller:
        for number in _paced(per_second, until):
            title = titles[number % len(titles)]
            at = time.time()
            started = time.perf_counter()
            status, answer = caller.call("POST", "/v1/catalogs/default/search", {"text": title})
            found = status == 200 and bool(answer["hits"])
            ms = (time.perf_counter() - started) * 1e3
            done.append(Search(at, ms, answer["build"]["id"] if found else None))
    return done


def change_on(
    port: int, until: str, per_second: float, products: Sequence[tuple[str, str]], seed: int
) -> list[Change]:
    """Change products until the file `until` is there: half of it patches, some new titles, some deleted and back."""
    done: list[Change] = []
    drawn = random.Random(seed)
    with _Caller(port) as caller:
        for number in _paced(per_second, until):
            product_id, title = drawn.choice(products)
            kind = drawn.choices(("patch", "title", "delete"), (5, 3, 2))[0]
            path = f"/v1/catalogs/default/products/{product_id}"
            body = {"patch": {"attributes": {"colour": f"shade {number}"}}, "title": {"title": f"{title} {number}"}}
            method = {"patch": "PATCH", "title": "PUT", "delete": "DELETE"}[kind]
            status, answer = caller.call(method, path, body.get(kind))
            done.append(Change(product_id, kind, status, answer.get("version", 0), answer.get("upload_id", "")))
    return done


def _paced(per_second: float, until: str) -> Iterator[int]:
    """Numbers at a pace that does not wait for answers to be late, until a file is there."""
    stop, began, number = Path(until), time.monotonic(), 0
    while not stop.exists():
        yield number
        number += 1
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))


class _Caller:
    """Calls over one connection, timed by nothing but the wire."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "_Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the document of an answer."""
        content = b"" if body is None else orjson.dumps(body)
        self._connection.sendall(_HEAD.format(method, path, len(content)).encode() + content)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, answer = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        while length is not None and len(answer) < int(length[1]):
            answer += self._more()
        return int(head.split(b" ", 2)[1]), orjson.loads(answer)

    def _more(self) -> bytes:
        received = self._connection.recv(_MOST)
        if not received:
            raise ConnectionError("the service closed the connection")
        return received
