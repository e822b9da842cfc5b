"""A route whose function is called without FastAPI's way to its arguments."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.routing import APIRoute

from app.api.dependencies import application_of, catalog_of
from app.api.schemas.invalid import read
from app.domain.errors import Malformed


class DirectRoute(APIRoute):
    """A route of a catalog with a JSON body, whose function takes (application, catalog, body).

    FastAPI describes it by the function's signature as any other. It is not asked to find the arguments: for a query
    that costs more than the query's own part of this process, time and again. Dependencies of its router are called
    with the request alone; those that are given when a router is included are not known here.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        model = self.endpoint.__annotations__["body"]
        checks: list[Any] = [one.dependency for one in self.dependencies]

        async def handle(request: Request) -> Response:
            for check in checks:
                await check(request)
            application = await application_of(request)
            catalog = await catalog_of(request.path_params["catalog"])
            body = read(model, await _json_of(request))
            return await run_in_threadpool(self.endpoint, application, catalog, body)

        return handle


async def _json_of(request: Request) -> bytes:
    """The body, which must be said to be JSON: what another site's page sends without asking first never is."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Malformed("send JSON, and say so: Content-Type: application/json", code="bad_content_type")
    return await request.body()
