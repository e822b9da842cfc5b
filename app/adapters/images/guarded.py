"""A network that connects to checked addresses only, and only until a deadline."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpcore

from app.domain.errors import FetchFailed
from app.domain.urls import UrlPolicy

_RESOLVERS = 64  # as many as connections: names that nobody answers for hold up no other's
_MAX_ADDRESSES = 3  # a name may have many; whoever does not answer on three does not answer


class Deadline(threading.local):
    """When the fetch that this thread is in has to be over, on the monotonic clock."""

    at = float("inf")

    def left(self, at_most: float | None) -> float:
        """Seconds left, and no more than `at_most`; raises `httpcore.ReadTimeout` where there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the fetch's time is over")
        return left if at_most is None else min(left, at_most)


class GuardedNetwork(httpcore.NetworkBackend):
    """Resolves a name once, refuses it if any of its addresses is refused, and connects to one that was checked.

    Checking here, below HTTP, leaves no way around: what is checked is what is connected to, and TLS still verifies
    the name. No operation may take longer than what is left of the whole fetch's time, so that a server that sends a
    byte a second, in its headers too, gains nothing.
    """

    def __init__(
        self, policy: UrlPolicy, resolver: Callable[[str, int], Sequence[str]], network: httpcore.NetworkBackend
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._network = network
        self._deadline = Deadline()
        self._resolving = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="vitrine-resolve")

    def close(self) -> None:
        """Wait for no name that is still being resolved."""
        self._resolving.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Everything this thread does on the network in this block is over after `seconds`."""
        self._deadline.at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline.at = float("inf")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to `host`. Raises `UrlNotAllowed` with no connection made, and httpcore's errors."""
        self._policy.check_port(port)
        addresses = self._resolve(host, port, timeout)
        for address in addresses:
            self._policy.check_address(address)
        failure: httpcore.NetworkError | None = None
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                stream = self._network.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
                return _TimedStream(stream, self._deadline)
            except httpcore.NetworkError as error:
                failure = error
        raise failure or httpcore.ConnectError("the name has no address")

    def _resolve(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The addresses of a name. The system's resolver knows no deadline, so a thread of its own waits for it."""
        left = self._deadline.left(timeout)
        resolving = self._resolving.submit(self._resolver, host, port)
        try:
            return resolving.result(left)
        except TimeoutError as error:
            resolving.cancel()  # one that still waits for a thread is not begun: nobody waits for it any more
            raise FetchFailed("the name of the picture's server takes too long to resolve") from error
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"the name of the picture's server cannot be resolved: {error}") from error


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every operation ends when the fetch in its thread has to."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
