"""Search: by words, by a picture, by a product, or a look at everything."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from app.api.dependencies import App, Form, declared
from app.api.documents import answer, search_document
from app.api.schemas.invalid import invalid_of
from app.api.schemas.search import QueryImageIn, SearchIn
from app.bootstrap import Application
from app.domain.errors import Invalid, Malformed

router = APIRouter(prefix="/v1/catalogs/{catalog}")

_PARAMETERS = {"q", "filter", "limit"}


@router.get("/search")
def get_search(
    request: Request,
    application: App,
    catalog: str,
    q: str | None = None,
    filter: Annotated[str | None, Query()] = None,
    limit: int = 20,
) -> Response:
    """Search by words; `filter` is the JSON of a filter."""
    unknown = sorted(set(request.query_params) - _PARAMETERS)
    if unknown:
        raise Invalid(f"{unknown[0]} is no parameter of this request", code="unknown_field", field=unknown[0])
    body = (
        _parsed(b'{"filter":' + filter.encode("utf-8", "replace") + b"}")
        if filter is not None
        else SearchIn(limit=20)
    )
    return _search(application, catalog, body.model_copy(update={"text": q, "limit": limit}))


@router.post("/search")
def post_search(application: App, catalog: str, body: SearchIn) -> Response:
    """Search by words, by a picture in base64, by a product, or browse."""
    return _search(application, catalog, body)


@router.post("/search:image")
def post_search_image(application: App, catalog: str, form: Form) -> Response:
    """Search by a picture that comes as the part `image`; the part `query` is the JSON of a query."""
    if "image" not in form:
        raise Malformed("the form has no part `image`", code="missing_part", field="image")
    body = _parsed(form.get("query", b"{}"))
    return _search(application, catalog, body, picture=form["image"])


@router.get("/products/{product_id}/similar")
def get_similar(application: App, catalog: str, product_id: str, limit: int = 20) -> Response:
    """Products that are like this one, by its pictures and its caption."""
    return _search(application, catalog, SearchIn(image=QueryImageIn(product_id=product_id), limit=limit))


def _search(application: Application, catalog: str, body: SearchIn, *, picture: bytes | None = None) -> Response:
    schema = declared(application, catalog).attributes
    result = application.searcher.search(catalog, body.query(schema, picture=picture))
    return answer(search_document(catalog, result))


def _parsed(document: bytes) -> SearchIn:
    try:
        return SearchIn.model_validate(orjson.loads(document))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"this is not JSON: {error}", code="bad_json") from None
    except ValidationError as error:
        raise invalid_of(error.errors()[0]) from None
