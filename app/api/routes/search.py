"""Search: by words, by a picture, by a product, or a look at everything."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App, CatalogName, Form, ProductId
from app.api.direct_route import DirectRoute
from app.api.documents import answer, as_json
from app.api.openapi import QUERY_FORM, problems
from app.api.product_explanation import product_explanation_document
from app.api.schemas.explanations import ProductExplanationDocument
from app.api.schemas.found import SearchDocument
from app.api.schemas.invalid import read, read_json
from app.api.schemas.search import GroupIn, QueryImageIn, SearchIn
from app.api.search_documents import result_document, search_answer
from app.bootstrap import Application
from app.domain.answers import SearchResult
from app.domain.errors import Invalid, Malformed

router = APIRouter(prefix="/v1/catalogs/{catalog}", dependencies=CHECKED)


@router.get("/search", response_model=SearchDocument, responses=problems(400, 404))
def get_search(
    application: App,
    catalog: CatalogName,
    q: str | None = None,
    filter: Annotated[str | None, Query()] = None,
    limit: int = 20,
    facets: Annotated[list[str] | None, Query()] = None,
    cursor: str | None = None,
    *,
    min_score: float | None = None,
    explain: bool = False,
    group_by: str | None = None,
    group_limit: int | None = None,
    collapse_duplicates: bool = False,
) -> Response:
    """Search by words; `filter` is the JSON of a filter, and `facets` may come several times.

    A `cursor` says all of it, and stands alone or beside it.
    """
    where = None if filter is None else _read_filter(filter)
    stated = SearchIn(
        text=q,
        filter=where,
        limit=limit,
        facets=facets or [],
        cursor=cursor,
        min_score=min_score,
        explain=explain,
        group=_read_group(group_by, group_limit),
        collapse_duplicates=collapse_duplicates,
    )
    return _search(application, catalog, stated)


def post_search(application: App, catalog: CatalogName, body: SearchIn) -> Response:
    """Search by words, by a picture in base64, by a product, or browse; or go on with any search by its `cursor`."""
    return _search(application, catalog, body)


router.add_api_route(
    "/search",
    post_search,
    methods=["POST"],
    response_model=SearchDocument,
    responses=problems(404, 415),
    route_class_override=DirectRoute,
)


@router.post("/search:image", response_model=SearchDocument, responses=problems(404, 415), openapi_extra=QUERY_FORM)
def post_search_image(application: App, catalog: CatalogName, form: Form) -> Response:
    """Search by a picture that comes as the part `image`; the part `query` is the JSON of a query."""
    if "image" not in form:
        raise Malformed("the form has no part `image`", code="missing_part", field="image")
    unknown = sorted(form.keys() - {"image", "query"})
    if unknown:
        told = (
            f"{unknown[0]} is no part of this form: `query` holds the JSON of the query, its filter and limit in it"
        )
        raise Malformed(told, code="unknown_part", field=unknown[0])
    body = read(SearchIn, form.get("query", b"{}"))
    return _search(application, catalog, body, picture=form["image"])


@router.get("/products/{product_id}/similar", response_model=SearchDocument, responses=problems(400, 404))
def get_similar(
    application: App,
    catalog: CatalogName,
    product_id: ProductId,
    filter: Annotated[str | None, Query()] = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Response:
    """Products that are like this one, by its pictures and its caption; `filter` is the JSON of a filter."""
    where = None if filter is None else _read_filter(filter)
    stated = SearchIn(image=QueryImageIn(product_id=product_id), filter=where, limit=limit, cursor=cursor)
    return _search(application, catalog, stated)


@router.post(
    "/products/{product_id}:explain", response_model=ProductExplanationDocument, responses=problems(404, 415)
)
def post_explain(application: App, catalog: CatalogName, product_id: ProductId, body: SearchIn) -> Response:
    """Why a search shows this product where it does, or does not show it; the body is that of the search."""
    if body.cursor is not None:
        told_so = "an explanation is of a whole query: state that, and leave the cursor out"
        raise Invalid(told_so, code="bad_query", field="cursor")
    told = application.explainer.explain(catalog, product_id, body.query())
    return answer(product_explanation_document(catalog, told))


def _search(application: Application, catalog: str, body: SearchIn, *, picture: bytes | None = None) -> Response:
    def write(result: SearchResult) -> bytes:
        return as_json(result_document(catalog, result))

    return search_answer(application.cached.search(catalog, body.query(picture=picture), body.cursor, write))


def _read_filter(document: str) -> dict[str, Any]:
    stated = read_json(document)
    if not isinstance(stated, dict):
        raise Invalid("filter must be an object", code="bad_filter", field="filter")
    return stated


def _read_group(by: str | None, limit: int | None) -> GroupIn | None:
    if by is None:
        if limit is not None:
            raise Invalid("group_limit goes with a group_by", code="bad_group", field="group_limit")
        return None
    return GroupIn(by=by, limit=1 if limit is None else limit)
