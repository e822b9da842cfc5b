"""The port a service listens on: taken before anything heavy is opened, and never beyond loopback by accident."""

import errno
import ipaddress
import socket

from app.domain.errors import Misconfigured


def take_port(host: str, port: int, *, allow_unauthenticated: bool) -> socket.socket:
    """A socket bound to the address; it does not listen yet, so nobody is kept waiting while the service opens.

    Raises `Misconfigured` (`port_in_use`, `not_loopback`, `bad_address`).
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Misconfigured(f"{host} is not an address of this machine: {error}", code="bad_address") from error
    if not (allow_unauthenticated or ipaddress.ip_address(address[0]).is_loopback):
        raise Misconfigured(
            f"{host} can be reached from other machines, and nobody is asked for a key: listen on 127.0.0.1, or, "
            "behind a proxy that asks, give --allow-unauthenticated",
            code="not_loopback",
        )
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _refused(error, host, port) from error
    return bound


def listen(bound: socket.socket) -> None:
    """Start to listen: from now on clients are answered. Raises `Misconfigured` where another was quicker."""
    try:
        bound.listen(2048)  # uvicorn's own backlog
    except OSError as error:
        host, port = bound.getsockname()[:2]
        raise _refused(error, host, port) from error


def _refused(error: OSError, host: str, port: int) -> Misconfigured:
    """Why an address cannot be listened on, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(
            f"port {port} of {host} is in use: stop what listens there, or name another with --port",
            code="port_in_use",
        )
    return Misconfigured(f"cannot listen on {host} port {port}: {error.strerror}", code="bad_address")
