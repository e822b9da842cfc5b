"""What a benchmark runs on: the embedded default, or the production parts with a worker in this process."""

import atexit
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

from app.adapters.celery.jobs import make_celery
from app.adapters.celery.worker import EmbeddedWorker
from app.api.main import create_app
from app.api.server import http_server
from app.bootstrap import Application, long_lived, open_application, open_service
from app.config import Settings
from app.domain.errors import VitrineError
from app.domain.uploads import TERMINAL, UploadState
from app.log import configure_logging
from app.ports.encoders import EncoderLoader
from app.services.accept_upload import accept
from migrations.upgrade import upgrade
from scripts.bench.products import Products
from tests.services import milvus, postgres, redis

Backend = Literal["embedded", "production"]
ACCEPTED_AT_A_TIME = 100  # what `vitrine ingest` sends in one request


@contextmanager
def service(
    backend: Backend, *, encoder: str, loader: EncoderLoader | None = None, threads: int = 0, cache_mb: int = 0
) -> Iterator[Application]:
    """An application with a worker, in an empty place that goes away afterwards. It keeps no answers by itself."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="vitrine-bench-"))
        # Not at the end of each round: where many files were deleted a moment ago, ext4 is slow to create new ones.
        atexit.register(shutil.rmtree, folder)
        settings = Settings(
            data=folder / "data", encoder=encoder, threads=threads, cache_mb=cache_mb, log_level="WARNING"
        )
        configure_logging(settings)
        if backend == "embedded":
            application = open_service(settings, loader=loader)
            stack.callback(application.close)
        else:
            application = stack.enter_context(_production(settings, loader))
        long_lived()  # as `vitrine serve` does
        yield application


@contextmanager
def _production(settings: Settings, loader: EncoderLoader | None) -> Iterator[Application]:
    with ExitStack() as stack:
        outside = {
            "database_url": stack.enter_context(postgres()),
            "broker_url": stack.enter_context(redis()),
            "milvus_uri": stack.enter_context(milvus()),
        }
        settings = settings.model_copy(update=outside)
        celery = make_celery(settings.broker_url)
        application = open_application(settings, celery=celery, loader=loader)
        stack.callback(application.close)
        upgrade(application.database.engine)
        celery.application = application
        worker = EmbeddedWorker(celery)
        worker.start()
        stack.callback(worker.stop)
        yield application


@contextmanager
def listening(application: Application) -> Iterator[HTTPConnection]:
    """The API over HTTP on a free port of loopback, and a connection to it that stays open."""
    server = http_server(create_app(application), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    connection = HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
    try:
        yield connection
    finally:
        connection.close()
        server.should_exit = True
        thread.join()


def accept_all(application: Application, products: Products) -> None:
    """Declare the catalog and state every product, in batches. Raises the first refusal."""
    application.open_catalog(products.catalog)
    for start in range(0, len(products.submissions), ACCEPTED_AT_A_TIME):
        some = products.submissions[start : start + ACCEPTED_AT_A_TIME]
        for outcome in accept(application.reception, products.catalog.name, some):
            if isinstance(outcome, VitrineError):
                raise outcome


def counts(application: Application) -> dict[UploadState, int]:
    """How many uploads are in each state."""
    with application.database.reading() as transaction:
        return transaction.uploads.counts()


def finished(application: Application) -> int:
    """How many uploads are terminal."""
    return sum(count for state, count in counts(application).items() if state in TERMINAL)
