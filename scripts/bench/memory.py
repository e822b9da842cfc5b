"""What an API process takes that only answers queries: the worker, and with it the picture tower, runs elsewhere.

`vitrine serve` is started on Postgres, Redis and Milvus, asked by words, and its resident memory read. Pages of files
(libraries, weights that stay mapped) are counted, though processes of one machine share them.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import orjson

from app.config import Settings
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, finished, service
from tests.services import free_port

WAIT_S = 120  # for the service to answer: torch, transformers and a model of 600 MB are read from a cold disk


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--products", type=int, default=200, help="take only the first N")
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    with service("production", encoder=asked.encoder) as application:
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.2)
        with _serving(application.settings) as (process, connection):
            for body in _queries(products, asked.queries):
                _ask(connection, body)
            figures = {name: round(kib / 1024, 1) for name, kib in _memory(process).items()}
    report("memory", {"encoder": Path(asked.encoder).name, "queries": asked.queries, "mib": figures})


@contextmanager
def _serving(settings: Settings) -> Iterator[tuple[int, HTTPConnection]]:
    """The id of a process that serves the same database, broker and collections, and a connection to it."""
    port = free_port()
    outside = {
        "VITRINE_DATABASE_URL": settings.database_url,
        "VITRINE_BROKER_URL": settings.broker_url,
        "VITRINE_MILVUS_URI": settings.milvus_uri,
        "VITRINE_BLOB_URL": settings.pictures_url,
        "VITRINE_ENCODER": settings.encoder,
        "VITRINE_PORT": str(port),
        "VITRINE_LOG_LEVEL": "WARNING",
    }
    command = [str(Path(sys.executable).parent / "vitrine"), "serve"]
    with subprocess.Popen(command, env={**os.environ, **outside}) as process:
        connection = HTTPConnection("127.0.0.1", port)
        try:
            _wait(connection)
            yield process.pid, connection
        finally:
            connection.close()
            process.terminate()


def _wait(connection: HTTPConnection) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().read() and time.monotonic() < deadline:
                return
        except ConnectionError:
            connection.close()
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _queries(products: Products, count: int) -> list[bytes]:
    titles = [one.product.title for one in products.submissions]
    return [orjson.dumps({"text": titles[number % len(titles)]}) for number in range(count)]


def _ask(connection: HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/v1/catalogs/default/search", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(answer.decode())


def _memory(process: int) -> dict[str, int]:
    """Resident memory in KiB: all, and the pages of files among it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    stated = dict(line.split(":", 1) for line in lines)
    return {
        "resident": int(stated["VmRSS"].split()[0]),
        "of files": int(stated["RssFile"].split()[0]),
    }


if __name__ == "__main__":
    main()
