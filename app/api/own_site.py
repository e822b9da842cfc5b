"""Keeping other sites' pages away from a service that asks nobody for a key.

A page of any site may send requests to loopback from its visitor's browser. Two headers that a page cannot choose
tell them apart: `Host`, which names the site after DNS rebinding, and `Origin`, which names the page's own.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import problem, problem_response

_SAFE = ("GET", "HEAD", "OPTIONS")


class OwnSite:
    """Refuses (403) hosts other than `hosts`, where there are any, and changes that another site's page sends."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        told = self._refusal(scope) if scope["type"] == "http" else None
        if told is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(scope, problem(403, *told))(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[str, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._hosts and _name(host) not in self._hosts:
            return "unknown_host", "this service is called by the name it listens on, and not by the one in Host"
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in _SAFE and urlsplit(origin).netloc.lower() != host:
            return "cross_origin", "a page of another site may not change anything here"
        return None


def _name(host: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdecimal() else host
