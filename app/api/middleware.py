"""Round every request: an id, a log line, a measurement, and a budget of bytes. Pure ASGI: it costs microseconds."""

import logging
import time
from uuid import uuid4

from prometheus_client import Histogram
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem, problem_response
from app.domain.pictures import MAX_PICTURE_BYTES

log = logging.getLogger("app.api.access")

MAX_BODY = 64 * 1024 * 1024  # a batch, or a product with its pictures; the whole of it is held in memory
# One picture in base64, and the words beside it.
MAX_SEARCH_BODY = MAX_PICTURE_BYTES * 4 // 3 + 64 * 1024
_SEARCHES = ("/search", "/search:image", ":explain")

REQUESTS = Histogram(
    "vitrine_request_seconds",
    "Time of a request, by route and status",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_LENGTH_DIGITS = 20  # 2**64 has as many; more are an attempt to be misread


class BodyBudget:
    """Refuses a body that is larger than its route takes: 413, before it is read where its length is stated."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = {size: RequestBodyLimitMiddleware(app, size) for size in (MAX_SEARCH_BODY, MAX_BODY)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        searches = scope["method"] == "POST" and scope["path"].endswith(_SEARCHES)  # a product may have such a name
        budget = MAX_SEARCH_BODY if searches else MAX_BODY
        headers = dict(scope["headers"])
        stated = headers.get(b"content-length", b"")
        if not stated.isdigit() or b"transfer-encoding" in headers:
            await self._limited[budget](scope, receive, send)
        elif len(stated) > _LENGTH_DIGITS or int(stated) > budget:
            told = problem(413, "too_large", f"this request may have at most {budget:,} bytes")
            await problem_response(scope, told)(scope, receive, send)
        else:  # the server reads no more than was stated
            await self._app(scope, receive, send)


class AccessLog:
    """Gives every request an id, and tells of it once it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        scope["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - started
            # The route's pattern, never the path: ids would make a series each.
            route = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(scope["method"], route, status).observe(seconds)
            log.info(
                "request.answered",
                extra={
                    "request_id": request_id,
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1e3, 1),
                },
            )
