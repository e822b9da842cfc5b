"""The service of `vitrine serve`, from the port it takes to the last batch it finishes."""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType
from urllib.parse import quote, urlsplit

import uvicorn

from app.api.main import create_app
from app.api.routes.health import parts_of
from app.api.server import http_server
from app.bootstrap import Application, long_lived, open_service
from app.cli.listening import listen, take_port
from app.cli.screen import Screen
from app.config import Settings
from app.log import configure_logging

_LAST_ANSWERS_S = 30  # requests in hand are answered when the service stops; a batch takes seconds


def run(screen: Screen, settings: Settings, *, catalog: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises `Misconfigured` or `EncoderError` before it starts."""
    configure_logging(settings)
    with closing(
        take_port(settings.host, settings.port, allow_unauthenticated=settings.allow_unauthenticated)
    ) as bound:
        with screen.waiting("opening the data directory"):
            application = open_service(settings)
        try:
            with screen.waiting("reading the encoder"):
                application.check_encoders()  # a model that is missing is told of now, not at the first upload
                long_lived()
            listen(bound)
            _tell(screen, settings, catalog=catalog)
            if not settings.embedded:
                _tell_unwell(screen, application)
            _serve(application, bound)
        finally:
            with screen.waiting("finishing the work in hand"):
                application.close()


def _names(settings: Settings) -> tuple[str, ...]:
    """What a browser on this machine calls the service; behind a proxy it may be called anything."""
    return () if settings.allow_unauthenticated else ("localhost", "127.0.0.1", "[::1]", settings.host)


def _tell(screen: Screen, settings: Settings, *, catalog: str) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    page = url if catalog == "default" else f"{url}/?catalog={quote(catalog, safe='')}"
    place = place_of(settings)
    document = {"url": url, "page": page, "data": str(settings.data.absolute()), "encoder": settings.encoder}
    screen.result({**document, "place": place}, f"Vitrine listens on {page} ({place}, encoder {settings.encoder})")
    screen.say("Ctrl-C stops it; what it has accepted is gone on with at the next start")


def _tell_unwell(screen: Screen, application: Application) -> None:
    """Servers may be away when this starts: what needs them is answered with 503 until they are back."""
    with screen.waiting("asking the other servers"):
        parts = parts_of(application)
    for name, part in parts.items():
        if part["status"] != "ok":
            screen.say(f"{name} is not well: {part['detail']} [{part['code']}]")


def place_of(settings: Settings) -> str:
    """Where products are kept, without the password that a URL may hold."""
    if not settings.database_url:
        return f"data in {settings.data.absolute()}"
    database = urlsplit(settings.database_url)
    return f"database {database.path.removeprefix('/')} on {database.hostname or 'this machine'}"


def _serve(application: Application, bound: socket.socket) -> None:
    api = create_app(application, hosts=_names(application.settings))
    server = http_server(api, timeout_graceful_shutdown=_LAST_ANSWERS_S)
    with signals_stop(server):
        server.run(sockets=[bound])


@contextmanager
def signals_stop(server: uvicorn.Server) -> Iterator[None]:
    """A signal stops the server also before uvicorn listens to signals, and ends no more than it.

    Uvicorn stops at a signal and then raises it anew, which would end the process with work in hand.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    former = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
