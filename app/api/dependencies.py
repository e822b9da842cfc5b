"""What routes are given: the application, and the bodies of requests.

All of it is async although none of it waits for anything but the body: plain functions would each be handed to a
thread and back, which takes longer than what they do.
"""

from typing import Annotated, cast

from fastapi import Depends, Header, Request
from starlette.datastructures import UploadFile

from app.bootstrap import Application
from app.domain.errors import Invalid
from app.domain.products import MAX_IMAGES, check_id

MAX_FIELDS = 2  # the JSON, and perhaps an empty field that a browser adds
MAX_FIELD_BYTES = 1024 * 1024  # a product or a query as JSON; pictures come as files


async def known_parameters(request: Request) -> None:
    """Refuses a parameter in the address that the route does not have (422 `unknown_field`)."""
    if not request.scope["query_string"]:
        return
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        told = f"{unknown[0]} is no parameter of this request"
        raise Invalid(told, code="unknown_field", field=unknown[0][:200])


async def application_of(request: Request) -> Application:
    """The application this API serves."""
    return cast(Application, request.app.state.application)


async def catalog_of(catalog: str) -> str:
    """The name of a catalog in a path."""
    return check_id(catalog, "catalog")


async def product_id_of(product_id: str) -> str:
    """The id of a product in a path."""
    return check_id(product_id, "product_id")


async def upload_id_of(upload_id: str) -> str:
    """The id of an upload in a path."""
    return check_id(upload_id, "upload_id")


async def build_id_of(build: str) -> str:
    """The id of a build in a path."""
    return check_id(build, "build")


async def body_of(request: Request) -> bytes:
    """The body as it came."""
    return await request.body()


async def form_of(request: Request) -> dict[str, bytes]:
    """The parts of a multipart form by name; a file's name is never looked at."""
    async with request.form(max_files=MAX_IMAGES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        return {
            name: await part.read() if isinstance(part, UploadFile) else part.encode("utf-8", "surrogatepass")
            for name, part in form.items()
        }


CHECKED = [Depends(known_parameters)]
"""What every router of `/v1` checks. What probes and scrapers add to an address is theirs."""

App = Annotated[Application, Depends(application_of)]
CatalogName = Annotated[str, Depends(catalog_of)]
ProductId = Annotated[str, Depends(product_id_of)]
BuildId = Annotated[str, Depends(build_id_of)]
UploadId = Annotated[str, Depends(upload_id_of)]
Body = Annotated[bytes, Depends(body_of)]
Form = Annotated[dict[str, bytes], Depends(form_of)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
