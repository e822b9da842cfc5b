"""Vitrine in this process, as `vitrine serve` opens it or over Postgres and Redis; its encoder has no model."""

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from celery.worker import state
from httpx import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from app.adapters.celery.jobs import make_celery
from app.adapters.celery.worker import EmbeddedWorker
from app.api.main import create_app
from app.bootstrap import Application, open_application, open_service
from app.config import Settings
from app.domain.build_steps import BUILDING
from app.domain.uploads import TERMINAL, Stage
from migrations.upgrade import upgrade
from tests.fakes.encoders import FakeEncoder, FakeLoader

ATTRIBUTES = {
    "price": "number",
    "colour": "keyword",
    "in_stock": "boolean",
    "sizes": "keyword[]",
    "released": "datetime",
    "care": "text",
}
TABLES = ("catalogs", "products", "uploads", "images", "idempotency_keys", "builds", "build_products")
PATIENCE_S = 60.0  # an upload takes a tenth of a second, and a busy machine longer


class Shop:
    """An application and a client of its API."""

    def __init__(self, application: Application, encoder: FakeEncoder, data: Path) -> None:
        self.application, self.encoder, self._data = application, encoder, data
        self.client = TestClient(create_app(application), raise_server_exceptions=False)

    def declare(self, catalog: str, **stated: Any) -> None:
        answer = self.client.put(f"/v1/catalogs/{catalog}", json={"attributes": ATTRIBUTES, **stated})
        assert answer.status_code == 200, answer.text

    def put(self, catalog: str, product_id: str, **stated: Any) -> dict[str, Any]:
        answer = self.client.put(
            f"/v1/catalogs/{catalog}/products/{product_id}", json={"title": "a red mug", **stated}
        )
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def receipt(self, upload_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.client.get(f"/v1/uploads/{upload_id}").json()
        return told

    def settled(self, *accepted: Mapping[str, Any] | Response) -> list[dict[str, Any]]:
        """The receipts of these uploads, once every one is in a terminal state."""
        ids = [(one if isinstance(one, Mapping) else one.json())["upload_id"] for one in accepted]
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            receipts = [self.receipt(one) for one in ids]
            if all(one["state"] in TERMINAL for one in receipts):
                return receipts
            time.sleep(0.03)
        raise AssertionError(f"still not settled: {[one for one in receipts if one['state'] not in TERMINAL]}")

    def work(self) -> None:
        """Run every stage once: for an application that has no worker."""
        for stage in Stage:
            self.application.run(stage)

    def build(self) -> None:
        """Do every step of a build that is due: for an application that has no worker."""
        while any(self.application.builder.step(stage, lambda: False) for stage in BUILDING):
            pass

    def idle(self) -> None:
        """Return once no upload is unfinished."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with self.application.database.reading() as transaction:
                counts = transaction.uploads.counts()
            if sum(counts.values()) == sum(counts[state] for state in TERMINAL):
                return
            time.sleep(0.03)
        raise AssertionError(f"still not settled: {counts}")

    def search(self, catalog: str, **stated: Any) -> list[str]:
        answer = self.client.post(f"/v1/catalogs/{catalog}/search", json=stated)
        assert answer.status_code == 200, answer.text
        return [hit["product_id"] for hit in answer.json()["hits"]]

    def vectors(self, catalog: str) -> tuple[int, int]:
        """How many rows the live build has of pictures and of captions."""
        with self.application.database.reading() as transaction:
            build = transaction.builds.live(catalog)
        assert build is not None
        return self.application.store.count(build.images), self.application.store.count(build.texts)

    def everything(self, catalog: str) -> dict[str, Any]:
        """How many rows, files and vectors there are."""
        with self.application.database.engine.connect() as connection:
            rows = {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in TABLES}
        files = sum(path.is_file() for path in (self._data / "pictures").rglob("*"))
        return {**rows, "files": files, "vectors": self.vectors(catalog)}


@contextmanager
def embedded(
    data: Path, encoder: FakeEncoder | None = None, *, others: Sequence[FakeEncoder] = (), **settings: Any
) -> Iterator[Shop]:
    """What `vitrine serve` opens without settings."""
    encoder = encoder or FakeEncoder()
    loader = FakeLoader(encoder, *others)
    application = open_service(Settings(data=data, encoder="fake", **settings), loader=loader)
    try:
        yield Shop(application, encoder, data)
    finally:
        application.close()


@contextmanager
def at_rest(data: Path, *, others: Sequence[FakeEncoder] = (), **settings: Any) -> Iterator[Shop]:
    """The same without a worker."""
    state.should_stop = None  # one that was stopped in this process before would stop the work of this one too
    encoder = FakeEncoder()
    application = open_application(
        Settings(data=data, encoder="fake", **settings), loader=FakeLoader(encoder, *others)
    )
    upgrade(application.database.engine)
    try:
        yield Shop(application, encoder, data)
    finally:
        application.close()


@contextmanager
def over_servers(
    data: Path, database_url: str, broker_url: str, *, others: Sequence[FakeEncoder] = (), **settings: Any
) -> Iterator[Shop]:
    """The same over Postgres and Redis, with one worker for every queue."""
    encoder = FakeEncoder()
    given = Settings(data=data, encoder="fake", database_url=database_url, broker_url=broker_url, **settings)
    celery = make_celery(broker_url)
    closing = ExitStack()
    application = open_application(given, celery=celery, loader=FakeLoader(encoder, *others), closing=closing)
    upgrade(application.database.engine)
    celery.application = application
    worker = EmbeddedWorker(celery)
    worker.start()
    closing.callback(celery.close)
    closing.callback(worker.stop)
    try:
        yield Shop(application, encoder, data)
    finally:
        application.close()


@contextmanager
def web(pages: Mapping[str, bytes]) -> Iterator[str]:
    """A web server with these pages, 404 for any other; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def inline(*pictures: bytes) -> list[dict[str, str]]:
    """Pictures as the API takes them in JSON."""
    return [{"data": base64.b64encode(picture).decode()} for picture in pictures]


def lines(*products: Mapping[str, Any]) -> bytes:
    """Products as the API takes them in a batch."""
    return b"\n".join(json.dumps(product).encode() for product in products)
