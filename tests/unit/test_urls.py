"""Which URLs we may connect to, and that nothing is connected to for the others."""

from collections.abc import Iterable, Sequence

import httpcore
import pytest

from app.adapters.images.fetch import HttpPictureFetcher
from app.domain.errors import FetchFailed, UrlNotAllowed
from app.domain.urls import UrlPolicy

PUBLIC = "93.184.215.14"

REFUSED = [
    # other schemes, no URL at all
    "ftp://shop.example/a.jpg",
    "file:///etc/passwd",
    "gopher://shop.example/",
    "data:image/png;base64,AAAA",
    "shop.example/a.jpg",
    "//shop.example/a.jpg",
    "http:///a.jpg",
    "http://",
    "",
    "http://[::1/a.jpg",
    "http://shop.example:99999/",
    "http://shop.example:port/",
    # other ports, credentials
    "http://shop.example:22/a.jpg",
    "https://shop.example:8443/a.jpg",
    "http://shop.example:0/",
    "http://user:secret@shop.example/a.jpg",
    "http://user@shop.example/a.jpg",
    "http://@shop.example/a.jpg",
    "http://93.184.215.14@127.0.0.1/",
    # what parsers disagree about
    "http://shop.example\\@127.0.0.1/",
    "http://shop.example/a\r\nHost: other",
    "http://shop.example/a b",
    "http://shop.example/\x00",
    " http://shop.example/a.jpg",
    "http://%31%32%37.0.0.1/",
    "http://shop.example/" + "a" * 2_048,
    # loopback, private, link-local, multicast, reserved
    "http://localhost/",
    "http://LOCALHOST./",
    "http://images.localhost/",
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.8.8.8/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    # IPv4 in disguise
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
]

REFUSED_ADDRESSES = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "0.0.0.0"]


class Connected(AssertionError):
    """A connection was attempted where none may be."""


class NoNetwork(httpcore.NetworkBackend):
    """Fails every connection, and remembers to where."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.attempts.append((host, port))
        raise httpcore.ConnectError("there is no network here")


def fetcher(network: NoNetwork, addresses: Sequence[str] = (PUBLIC,), **policy: bool) -> HttpPictureFetcher:
    return HttpPictureFetcher(UrlPolicy(**policy), resolver=lambda host, port: addresses, network=network)


@pytest.mark.parametrize("url", REFUSED, ids=ascii)
def test_a_url_we_must_not_fetch_is_refused_without_a_connection(url: str) -> None:
    network = NoNetwork()
    with pytest.raises(UrlNotAllowed):
        UrlPolicy().check_url(url)
    with pytest.raises(UrlNotAllowed):
        fetcher(network).fetch(url)
    assert network.attempts == []


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_a_name_that_resolves_to_a_refused_address_is_refused_without_a_connection(address: str) -> None:
    network = NoNetwork()
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        with pytest.raises(UrlNotAllowed):
            fetcher(network, addresses).fetch("http://shop.example/a.jpg")
    assert network.attempts == []


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_resolved_once() -> None:
    network = NoNetwork()
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    with pytest.raises(FetchFailed):
        HttpPictureFetcher(UrlPolicy(), resolver=rebinding, network=network).fetch("https://shop.example/a.jpg")
    assert asked == ["shop.example"]
    assert network.attempts == [(PUBLIC, 443)]


def test_a_name_that_cannot_be_resolved_may_be_tried_again() -> None:
    def failing(host: str, port: int) -> list[str]:
        raise OSError("no name server")

    with pytest.raises(FetchFailed):
        HttpPictureFetcher(UrlPolicy(), resolver=failing, network=NoNetwork()).fetch("http://shop.example/a.jpg")


@pytest.mark.parametrize(
    ("given", "ascii_url"),
    [
        ("http://shop.example/a.jpg", "http://shop.example/a.jpg"),
        ("HTTPS://Shop.Example./a.jpg#top", "https://shop.example/a.jpg"),
        ("https://shop.example", "https://shop.example/"),
        ("http://shop.example:80/a?w=1&h=%20#x", "http://shop.example:80/a?w=1&h=%20"),
        (
            "http://schöne-schuhe.example/größe.jpg?farbe=grün",
            "http://xn--schne-schuhe-6ib.example/gr%C3%B6%C3%9Fe.jpg?farbe=gr%C3%BCn",
        ),
        ("http://93.184.215.14/a.jpg", "http://93.184.215.14/a.jpg"),
        ("http://[2606:2800:21f::1]/a.jpg", "http://[2606:2800:21f::1]/a.jpg"),
        ("http://my_bucket.shop.example/a.jpg", "http://my_bucket.shop.example/a.jpg"),
    ],
)
def test_a_url_we_may_fetch_comes_back_in_ascii(given: str, ascii_url: str) -> None:
    assert UrlPolicy().check_url(given) == ascii_url
    assert UrlPolicy().check_url(ascii_url) == ascii_url


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.1.1", "::1", "fd00::1", PUBLIC])
def test_a_shop_s_own_networks_can_be_allowed(address: str) -> None:
    UrlPolicy(allow_private=True).check_address(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "240.0.0.1", "::ffff:169.254.169.254"]
)
def test_link_local_and_reserved_addresses_stay_refused_when_private_ones_are_allowed(address: str) -> None:
    with pytest.raises(UrlNotAllowed):
        UrlPolicy(allow_private=True).check_address(address)
