"""A small server that speaks the part of the API the storefront page uses, over a dozen products in memory."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from PIL import Image

from app.api.main import PAGE_HEADERS

WEB = Path(__file__).parents[2] / "app" / "web"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

ATTRIBUTES = {
    "price": "number",
    "colour": "keyword",
    "sizes": "keyword[]",
    "in_stock": "boolean",
    "released": "datetime",
    "care": "text",
}
COLOURS = ("red", "green", "blue", "sand")
KINDS = ("mug", "lamp", "chair")


def _product(number: int) -> dict[str, Any]:
    colour, kind = COLOURS[number % len(COLOURS)], KINDS[number % len(KINDS)]
    return {
        "product_id": f"p{number}",
        "title": f"{colour.title()} {kind}",
        "attributes": {
            "price": 10.0 + 5 * number,
            "colour": colour,
            "sizes": ["S", "L"],
            "in_stock": number % 2 == 0,
            "released": f"2024-{number % 12 + 1:02}-15T00:00:00.000000Z",
        },
        "images": [{"url": f"/pictures/{colour}.png", "width": 60, "height": 80}],
    }


CATALOGS: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
    "default": (ATTRIBUTES, [_product(number) for number in range(36)]),
    "empty": ({"colour": "keyword"}, []),
}


@contextmanager
def serve_page(port: int = 0) -> Iterator[str]:
    """Serve on a port of the loopback, a free one if 0; yields the base address."""
    server = _Server(("127.0.0.1", port), _Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def search(catalog: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a search: products whose title has every word, and which pass the filter.

    A cursor holds the query and how many hits were shown.
    """
    stated = json.loads(request.get("cursor", "{}"))
    place, request = stated.pop("place", 0), {**request, **stated}
    words = request.get("text", "").lower().split()
    ranked = bool(words) or "image" in request
    found = [
        product
        for product in CATALOGS[catalog][1]
        if all(word in product["title"].lower() for word in words)
        and all(_passes(product["attributes"].get(name), asked) for name, asked in request.get("filter", {}).items())
    ]
    hits = [
        product | {"score": 1 / (61 + rank), "matched_image": {"position": 0, "url": product["images"][0]["url"]}}
        for rank, product in enumerate(found)
    ][place : place + request["limit"]]
    query = {name: value for name, value in request.items() if name not in ("limit", "cursor")}
    place += len(hits)
    following = {"cursor": json.dumps({**query, "place": place})} if place < len(found) else {}
    return {
        **following,
        "hits": hits,
        "total": {"value": len(found), "exact": not ranked, "scope": "catalog"},
        "build": {"id": "b1", "encoder": "drawn-products"},
        "timings_ms": {"encode": 3.0, "total": 7.5},
        "degraded": [],
        "facets": {name: _counted(found, name) for name in request.get("facets", ())},
    }


def _counted(products: list[dict[str, Any]], name: str) -> dict[str, int]:
    held = [product["attributes"].get(name) for product in products]
    return dict(Counter(value for one in held for value in (one if isinstance(one, list) else [one])))


def _passes(value: Any, asked: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    if not isinstance(asked, dict):
        return asked in values
    if "in" in asked:
        return any(one in asked["in"] for one in values)
    return asked.get("gte", value) <= value <= asked.get("lte", value)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # all of them end when the server does

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._connections: list[socket] = []

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def server_close(self) -> None:
        """Stop as a process does that ends: connections that are kept alive end too."""
        for connection in self._connections:
            with suppress(OSError):  # one that has ended before
                connection.shutdown(SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/v1/catalogs":
            listed = [
                {"name": name, "attributes": attributes, "products": len(products)}
                for name, (attributes, products) in CATALOGS.items()
            ]
            self._send(200, "application/json", json.dumps({"catalogs": listed}).encode())
        elif path.startswith("/pictures/"):
            self._send(200, "image/png", _drawn(Path(path).stem))
        else:
            file = WEB / ("index.html" if path == "/" else path.removeprefix("/assets/"))
            self._send(200, TYPES[file.suffix], file.read_bytes()) if file.is_file() else self._send(
                404, "text/plain"
            )

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        catalog = self.path.split("/")[3]
        self._send(200, "application/json", json.dumps(search(catalog, request)).encode())

    def _send(self, status: int, content_type: str, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in PAGE_HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


def _drawn(colour: str) -> bytes:
    picture = BytesIO()
    Image.new("RGB", (60, 80), {"sand": "tan"}.get(colour, colour)).save(picture, "PNG")
    return picture.getvalue()
