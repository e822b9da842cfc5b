"""The service inside a command: the same API over the data directory, on a socket that nobody else can reach."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.api.main import create_app
from app.api.server import http_server
from app.bootstrap import Application, open_service
from app.cli.screen import Screen
from app.config import Settings
from app.log import configure_logging

_LONGEST_FOLDER = 80
_SEARCH_PATIENCE_S = 60.0  # a command's first search loads what it searches, and waits for it rather than for less


@contextmanager
def serve_privately(screen: Screen, settings: Settings) -> Iterator[httpx.Client]:
    """Open the data directory and serve it until the end, when the work in hand is finished.

    Raises `Misconfigured` (`data_held`) where another process has the directory.
    """
    configure_logging(settings)
    with screen.waiting("opening the data directory"):
        patience = max(settings.search_budget_s, _SEARCH_PATIENCE_S)
        application = open_service(settings.model_copy(update={"search_budget_s": patience}))
    try:
        with tempfile.TemporaryDirectory(prefix="vitrine-", dir=_short_folder()) as folder:  # its mode is 0700
            socket = Path(folder) / "api"
            with _listening(application, socket):
                transport = httpx.HTTPTransport(uds=str(socket))
                # No time-out: a first search waits for the encoder, which may still have to be fetched.
                with httpx.Client(
                    transport=transport, base_url="http://vitrine", timeout=httpx.Timeout(None), trust_env=False
                ) as client:
                    yield client
    finally:
        with screen.waiting("finishing the work in hand"):
            application.close()


def _short_folder() -> str | None:
    """A socket's path has about 100 characters at most, which a temporary folder of one's own may exceed."""
    return None if len(tempfile.gettempdir()) < _LONGEST_FOLDER else "/tmp"  # noqa: S108 - a fresh folder in it


@contextmanager
def _listening(application: Application, socket: Path) -> Iterator[None]:
    server = http_server(create_app(application), uds=str(socket))
    thread = threading.Thread(target=server.run, name="vitrine-api", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the API did not start; the log above says why")
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join()
