"""The API as an ASGI application."""

from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from app.api import errors
from app.api.middleware import AccessLog, BodyBudget
from app.api.openapi import DescribedAPI
from app.api.own_site import OwnSite
from app.api.routes import builds, catalogs, embed, health, products, queries, search, uploads
from app.bootstrap import Application

WEB = Path(__file__).parent.parent / "web"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(application: Application, *, hosts: Collection[str] = ()) -> FastAPI:
    """The API over an application that its caller opens and closes.

    `hosts` are the names it may be called by; any, where there are none. On loopback, where nobody is asked for a
    key, they keep other sites' pages out.
    """
    api = DescribedAPI(
        title="Vitrine",
        description="Search behind shops whose products have pictures.",
        version="1",
        docs_url=None,  # its page comes from another site, and would be blank on a machine without a network
        redoc_url=None,
        redirect_slashes=False,  # to an address made of what this process sees, which a proxy may have changed
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it looks for a collector at every request
    )
    api.state.application = application
    errors.install(api)
    api.add_middleware(BodyBudget)
    api.add_middleware(OwnSite, hosts=hosts)
    api.add_middleware(AccessLog)
    # A request is compared with one route after the other: what is asked most comes first.
    for area in (search, catalogs, products, builds, queries, embed, uploads, health):
        api.include_router(area.router)
    api.mount("/assets", StaticFiles(directory=WEB), name="assets")
    api.add_api_route("/", page, include_in_schema=False)
    return api


def page() -> FileResponse:
    """The storefront page."""
    return FileResponse(WEB / "index.html", headers=PAGE_HEADERS)
