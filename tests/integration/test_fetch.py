"""Fetching from a real HTTP server on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore
import pytest

from app.adapters.images.fetch import HttpPictureFetcher
from app.adapters.images.guarded import GuardedNetwork
from app.domain.errors import FetchFailed, FetchRefused, UrlNotAllowed
from app.domain.urls import UrlPolicy

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 300
BUDGET = 100_000
TIMEOUT_S = 1.0
PATIENCE_S = 8.0  # a loaded machine is slow; what is bounded here would take longer than that, or for ever


class Shop(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        _, kind, *rest = self.path.split("/", 2)
        getattr(self, f"answer_{kind}")(*rest)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_picture(self, _: str) -> None:
        self.answer(200, PICTURE)

    def answer_status(self, status: str) -> None:
        self.answer(int(status), b"no picture")

    def answer_hops(self, left: str) -> None:
        self.answer(302, location=f"/hops/{int(left) - 1}" if int(left) > 1 else "/picture/a.jpg")

    def answer_to(self, target: str) -> None:
        self.answer(302, location=target)

    def answer_declared(self, length: str) -> None:
        self.answer(200, content_length=length)

    def answer_endless(self, _: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"2000\r\n" + bytes(0x2000) + b"\r\n")
        except OSError:
            self.close_connection = True

    def answer_gzip(self, _: str) -> None:
        self.answer(200, b"\x1f\x8b", content_encoding="gzip")

    def answer_cut(self, _: str) -> None:
        self.answer(200, b"half", content_length="8")
        self.close_connection = True

    def answer_drip(self, where: str) -> None:
        """A byte every tenth of a second, in the headers or in the body."""
        try:
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\n" + (b"" if where == "headers" else b"content-length: 5000\r\n\r\n")
            )
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def fetching(port: int, *, allow_private: bool = True) -> Iterator[HttpPictureFetcher]:
    policy = UrlPolicy(allow_private=allow_private, ports=frozenset({80, 443, port}))
    fetcher = HttpPictureFetcher(policy, max_bytes=BUDGET, timeout_s=TIMEOUT_S)
    try:
        yield fetcher
    finally:
        fetcher.close()


@pytest.fixture
def fetcher(server: ThreadingHTTPServer) -> Iterator[HttpPictureFetcher]:
    with fetching(server.server_port) as opened:
        yield opened


@pytest.fixture
def shop(server: ThreadingHTTPServer) -> str:
    return f"http://localhost:{server.server_port}"


def test_a_picture_is_fetched_under_its_own_host_name(
    fetcher: HttpPictureFetcher, server: ThreadingHTTPServer, shop: str
) -> None:
    assert fetcher.fetch(f"{shop}/picture/größe 1.jpg".replace(" ", "%20")) == PICTURE
    assert server.asked[-1] == (  # type: ignore[attr-defined]
        "/picture/gr%C3%B6%C3%9Fe%201.jpg",
        f"localhost:{server.server_port}",
    )


def test_three_redirects_are_followed_and_a_fourth_is_not(fetcher: HttpPictureFetcher, shop: str) -> None:
    assert fetcher.fetch(f"{shop}/hops/3") == PICTURE
    with pytest.raises(FetchRefused):
        fetcher.fetch(f"{shop}/hops/4")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:1/", "//user@127.0.0.1/"]
)
def test_a_redirect_is_checked_like_the_url_itself(fetcher: HttpPictureFetcher, shop: str, target: str) -> None:
    with pytest.raises(UrlNotAllowed):
        fetcher.fetch(f"{shop}/to/{target}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 206])
def test_an_answer_that_stays_is_not_tried_again(fetcher: HttpPictureFetcher, shop: str, status: int) -> None:
    with pytest.raises(FetchRefused):
        fetcher.fetch(f"{shop}/status/{status}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_tried_again(fetcher: HttpPictureFetcher, shop: str, status: int) -> None:
    with pytest.raises(FetchFailed):
        fetcher.fetch(f"{shop}/status/{status}")


@pytest.mark.parametrize("path", ["declared/100001", "declared/99999999999999999999", "endless/"])
def test_more_bytes_than_the_budget_are_refused_and_not_read(
    fetcher: HttpPictureFetcher, shop: str, path: str
) -> None:
    with pytest.raises(FetchRefused) as caught:
        fetcher.fetch(f"{shop}/{path}")
    assert caught.value.code == "image_too_large"


def test_a_compressed_answer_is_refused(fetcher: HttpPictureFetcher, shop: str) -> None:
    with pytest.raises(FetchRefused):
        fetcher.fetch(f"{shop}/gzip/")


def test_an_answer_that_breaks_off_may_be_tried_again(fetcher: HttpPictureFetcher, shop: str) -> None:
    with pytest.raises(FetchFailed):
        fetcher.fetch(f"{shop}/cut/")


@pytest.mark.parametrize("where", ["headers", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_over(
    fetcher: HttpPictureFetcher, shop: str, where: str
) -> None:
    began = time.monotonic()
    with pytest.raises(FetchFailed):
        fetcher.fetch(f"{shop}/drip/{where}")
    assert TIMEOUT_S - 0.1 < time.monotonic() - began < PATIENCE_S  # it drips for ten seconds


def test_a_name_that_takes_too_long_to_resolve_is_left_when_the_time_is_over() -> None:
    answered = threading.Event()

    def resolver(_host: str, _port: int) -> list[str]:
        answered.wait(PATIENCE_S)
        return ["127.0.0.1"]

    fetcher = HttpPictureFetcher(UrlPolicy(allow_private=True), timeout_s=0.3, resolver=resolver)
    began = time.monotonic()
    with pytest.raises(FetchFailed, match="resolve"):
        fetcher.fetch("http://slow.example/a.jpg")
    fetcher.close()
    answered.set()
    assert time.monotonic() - began < PATIENCE_S


def test_a_name_that_nobody_waits_for_any_more_is_not_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.images.guarded._RESOLVERS", 1)
    answered, asked = threading.Event(), list[str]()

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        answered.wait(PATIENCE_S)
        raise OSError("no such name")

    network = GuardedNetwork(UrlPolicy(), resolver, httpcore.SyncBackend())
    for host in ("slow.example", "queued.example"):
        with network.deadline(0.2), pytest.raises(FetchFailed, match="too long to resolve"):
            network.connect_tcp(host, 80)
    answered.set()
    with network.deadline(PATIENCE_S), pytest.raises(FetchFailed, match="cannot be resolved"):
        network.connect_tcp("next.example", 80)
    network.close()
    assert asked == ["slow.example", "next.example"]


def test_a_port_where_nobody_listens_may_be_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with fetching(port) as fetcher, pytest.raises(FetchFailed):
            fetcher.fetch(f"http://127.0.0.1:{port}/")


def test_loopback_is_refused_unless_it_is_allowed(server: ThreadingHTTPServer) -> None:
    before = len(server.asked)  # type: ignore[attr-defined]
    for host in ("127.0.0.1", "localhost", "[::1]"):
        with (
            fetching(server.server_port, allow_private=False) as fetcher,
            pytest.raises(UrlNotAllowed),
        ):
            fetcher.fetch(f"http://{host}:{server.server_port}/picture/a.jpg")
    assert len(server.asked) == before  # type: ignore[attr-defined]
