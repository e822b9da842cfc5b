"""Fetching pictures from addresses that strangers name."""

import socket
from collections.abc import Callable, Sequence
from urllib.parse import urljoin

import httpcore

from app.adapters.images.guarded import GuardedNetwork
from app.domain.errors import FetchFailed, FetchRefused
from app.domain.pictures import MAX_PICTURE_BYTES
from app.domain.urls import UrlPolicy

_MAX_REDIRECTS = 3  # a shop's picture takes one, to its CDN
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429)  # the 4xx answers that ask to come again
_HEADERS = [
    (b"User-Agent", b"vitrine"),
    (b"Accept", b"image/jpeg, image/png, image/webp"),
    (b"Accept-Encoding", b"identity"),  # pictures are compressed already, and nothing is to be unpacked unseen
]

Resolver = Callable[[str, int], Sequence[str]]
"""From a host and a port to its addresses, as text. Raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpPictureFetcher:
    """Fetches pictures over HTTP and HTTPS. Safe to call from several threads. Close it.

    A name is resolved once, each of its addresses is checked, and the connection goes to a checked address; the same
    for every redirect. Proxies of the environment are not used: they would connect for us, unchecked.
    """

    def __init__(
        self,
        policy: UrlPolicy,
        *,
        max_bytes: int = MAX_PICTURE_BYTES,
        timeout_s: float = 10.0,  # for all of a fetch; a worker's hard limit leaves room for several pictures
        resolver: Resolver = resolve,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._network = GuardedNetwork(policy, resolver, network or httpcore.SyncBackend())
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpcore.default_ssl_context(),  # once: loading it for each connection would cost 10 ms
            max_connections=64,  # twice the threads of an intake pool
            keepalive_expiry=5.0,  # a shop's pictures come from one host, one after the other
            network_backend=self._network,
        )

    def fetch(self, url: str) -> bytes:
        """The bytes behind `url`, unchecked. See the port for what it raises."""
        with self._network.deadline(self._timeout_s):
            for _ in range(_MAX_REDIRECTS + 1):
                answer = self._get(self._policy.check_url(url))
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
        raise FetchRefused(f"the picture's server redirects more than {_MAX_REDIRECTS} times")

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.close()
        self._network.close()

    def _get(self, url: str) -> bytes | str:
        """One request: the body, or where it redirects to."""
        try:
            waiting = {"timeout": {"pool": self._timeout_s}}
            with self._pool.stream("GET", url, headers=_HEADERS, extensions=waiting) as response:
                location = _judge(response)
                return location if location is not None else self._body(response)
        except httpcore.TimeoutException as error:
            raise FetchFailed("the picture's server takes too long") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise FetchFailed(f"the picture's server does not answer: {error}") from error

    def _body(self, response: httpcore.Response) -> bytes:
        """Read the body, and no further than the budget."""
        declared = _header(response, b"content-length")
        received = bytearray()
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        for part in response.iter_stream():
            received += part
            if len(received) > self._max_bytes:
                raise self._too_large()
        return bytes(received)

    def _too_large(self) -> FetchRefused:
        return FetchRefused(f"the picture has more than {self._max_bytes:,} bytes", code="image_too_large")


def _judge(response: httpcore.Response) -> str | None:
    """Where the answer redirects to, or None where a body follows; raises for any other answer."""
    status = response.status
    if status in _REDIRECTS and _header(response, b"location"):
        return _header(response, b"location")
    if status >= 500 or status in _PASSING:
        raise FetchFailed(f"the picture's server answers {status}")
    if status != 200:
        raise FetchRefused(f"the picture's server answers {status}")
    if _header(response, b"content-encoding") not in ("", "identity"):
        raise FetchRefused("the picture's server sends it in an encoding that was not asked for")
    return None


def _header(response: httpcore.Response, name: bytes) -> str:
    """A header's value, empty where there is none."""
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode(errors="replace").strip()
    return ""
