"""URLs that strangers name: which of them we may connect to. Pure: nothing is resolved and nothing is opened here."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from app.domain.errors import UrlNotAllowed

MAX_URL = 2_048  # characters; what browsers and CDNs agree on

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")  # parsers disagree about these, and an attacker lives off that
_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
_PORTS = {"http": 80, "https": 443}

_TRANSITIONAL = [
    ipaddress.IPv6Network(network)
    # IPv4 inside IPv6: compatible, NAT64 (well-known and local), Teredo, 6to4. No shop's pictures stand there.
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
]
_OWN_NETWORKS = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
]


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """What we connect to. `allow_private` adds a shop's own networks and loopback.

    Link-local addresses, where clouds keep their credentials, multicast and reserved ones stay refused.
    """

    allow_private: bool = False
    ports: frozenset[int] = frozenset({80, 443})

    def check_url(self, url: str) -> str:
        """Return `url` in plain ASCII (host by IDNA, the rest percent-encoded, no fragment).

        Raises `UrlNotAllowed` for a scheme, port, name or literal address we do not connect to, and for credentials.
        What a name resolves to is `check_address`'s part.
        """
        if len(url) > MAX_URL or _FORBIDDEN.search(url):
            raise UrlNotAllowed(f"a URL has at most {MAX_URL} characters, and no spaces, controls or backslashes")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UrlNotAllowed(f"this is not a URL: {error}") from None
        if parts.scheme not in _PORTS:
            raise UrlNotAllowed("only http and https URLs are fetched")
        if "@" in parts.netloc:
            raise UrlNotAllowed("a URL must not carry credentials")
        self.check_port(port if port is not None else _PORTS[parts.scheme])
        host = self._check_host(parts.hostname or "")
        authority = host if port is None else f"{host}:{port}"
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
        return f"{parts.scheme}://{authority}{target}{query}"

    def check_port(self, port: int) -> None:
        """Raise `UrlNotAllowed` for a port we do not connect to."""
        if port not in self.ports:
            raise UrlNotAllowed(f"port {port} is not one we fetch pictures from ({sorted(self.ports)})")

    def check_address(self, address: str) -> None:
        """Raise `UrlNotAllowed` unless `address`, an IPv4 or IPv6 address as text, is one we connect to."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if self.allow_private and any(ip in network for network in _OWN_NETWORKS if network.version == ip.version):
            return
        embeds = isinstance(ip, ipaddress.IPv6Address) and any(ip in network for network in _TRANSITIONAL)
        if embeds or not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_private:
            raise UrlNotAllowed("the URL leads to a private, local or reserved address")

    def _check_host(self, given: str) -> str:
        """The host in ASCII. An address must be written in its usual form: not decimal, hexadecimal, octal, short."""
        try:
            host = given.encode("idna").decode() if not given.isascii() else given
        except UnicodeError:
            raise UrlNotAllowed("the URL's host is not a name") from None
        host = f"[{host}]" if ":" in host else host.lower().rstrip(".")
        if not _HOST.fullmatch(host):
            raise UrlNotAllowed("the URL's host is not a name")
        literal = host.strip("[]")
        try:
            ipaddress.ip_address(literal)
        except ValueError:
            if _is_disguised_ipv4(literal):
                raise UrlNotAllowed("the URL's host is an address in disguise") from None
            if not self.allow_private and (literal == "localhost" or literal.endswith(".localhost")):
                raise UrlNotAllowed("the URL leads to a private, local or reserved address") from None
        else:
            self.check_address(literal)
        return host


def _is_disguised_ipv4(host: str) -> bool:
    try:
        socket.inet_aton(host)  # reads what the system's resolver would read as an address; opens nothing
    except OSError:
        return False
    return True
