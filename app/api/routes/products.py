"""Products: put, patched, deleted, looked at."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App, Body, CatalogName, Form, IdempotencyKey, ProductId
from app.api.documents import accepted_document, answer, as_json, product_document
from app.api.errors import problem_of
from app.api.openapi import PRODUCT_FORM, Ndjson, body, lines, problems
from app.api.schemas.documents import AcceptedDocument, AcceptedLine, ProductDocument, RefusedLine
from app.api.schemas.invalid import read
from app.api.schemas.products import NamedProductIn, PatchIn, ProductIn
from app.bootstrap import Application
from app.domain.errors import Invalid, Malformed, TooLarge, VitrineError
from app.domain.products import Product
from app.domain.submissions import Submission
from app.domain.uploads import Upload, UploadKind
from app.services.accept_upload import accept
from app.services.show_product import show_product

router = APIRouter(prefix="/v1/catalogs/{catalog}", dependencies=CHECKED)

_ACCEPTED: dict[str, Any] = {"status_code": 202, "response_model": AcceptedDocument}

MAX_BATCH = 1_000  # lines: what one transaction holds without keeping other writers waiting


@router.put("/products/{product_id}", **_ACCEPTED, responses=problems(404, 409, 415))
def put_product(
    application: App, catalog: CatalogName, product_id: ProductId, body: ProductIn, key: IdempotencyKey = None
) -> Response:
    """State a product, whole."""
    return _accept_one(application, catalog, body.submission(product_id, key=key))


@router.patch("/products/{product_id}", **_ACCEPTED, responses=problems(404, 409))
def patch_product(
    application: App, catalog: CatalogName, product_id: ProductId, body: PatchIn, key: IdempotencyKey = None
) -> Response:
    """Change attributes of a product; nothing is encoded again."""
    return _accept_one(application, catalog, body.submission(product_id, key=key))


@router.delete("/products/{product_id}", **_ACCEPTED, responses=problems(404, 409))
def delete_product(
    application: App,
    catalog: CatalogName,
    product_id: ProductId,
    version: Annotated[int | None, Query()] = None,
    key: IdempotencyKey = None,
) -> Response:
    """Delete a product."""
    deletion = Submission(UploadKind.DELETE, Product(product_id, ""), version=version, idempotency_key=key)
    return _accept_one(application, catalog, deletion)


@router.get("/products/{product_id}", response_model=ProductDocument, responses=problems(404))
def get_product(application: App, catalog: CatalogName, product_id: ProductId) -> Response:
    """A product with its state."""
    return answer(product_document(catalog, show_product(application.database, catalog, product_id)))


@router.post("/products", **_ACCEPTED, responses=problems(404, 409, 415), openapi_extra=PRODUCT_FORM)
def post_product(application: App, catalog: CatalogName, form: Form, key: IdempotencyKey = None) -> Response:
    """State a product with its pictures as parts of a multipart form: `product` is the JSON."""
    if "product" not in form:
        raise Malformed("the form has no part `product`", code="missing_part", field="product")
    stated = read(NamedProductIn, form["product"])
    unused = sorted(form.keys() - {"product"} - {image.upload for image in stated.images})
    if unused:
        told = f"no image of the product names the part {unused[0]} as its `upload`"
        raise Invalid(told, code="unknown_part", field=unused[0])
    return _accept_one(application, catalog, stated.submission(stated.product_id, parts=form, key=key))


@router.post(
    "/products:batch",
    status_code=207,
    response_class=Ndjson,
    responses={207: {"content": lines("AcceptedLine", "RefusedLine")}, **problems(404)},
    openapi_extra=body(lines("NamedProductIn")),
)
def post_batch(application: App, catalog: CatalogName, content: Body) -> Response:
    """State many products, one a line (NDJSON); each is answered by a line that says its `line`, in order."""
    given = {number: line for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()}
    if not given:
        raise Malformed("the batch has no line: state a product a line, as JSON", code="empty_batch")
    if len(given) > MAX_BATCH:
        raise TooLarge(f"a batch has at most {MAX_BATCH} lines", code="too_many_lines")
    stated = {number: _read_line(number, line) for number, line in given.items()}
    good = [item for item in stated.values() if isinstance(item, Submission)]
    outcomes = iter(accept(application.reception, catalog, good))
    told = (
        _tell(number, item, next(outcomes)) if isinstance(item, Submission) else item
        for number, item in stated.items()
    )
    return Ndjson(b"\n".join(as_json(one) for one in told) + b"\n", 207)


def _accept_one(application: Application, catalog: str, submission: Submission) -> Response:
    (outcome,) = accept(application.reception, catalog, [submission])
    if isinstance(outcome, VitrineError):
        raise outcome
    return answer(accepted_document(outcome), 202)


def _read_line(number: int, line: bytes) -> Submission | RefusedLine:
    """The submission of a line, or the problem that it is."""
    product_id = None
    try:
        stated = read(NamedProductIn, line)
        product_id = stated.product_id
        return stated.submission(product_id)
    except VitrineError as error:
        return {"line": number, "product_id": product_id, **problem_of(error)}


def _tell(number: int, submission: Submission, outcome: Upload | VitrineError) -> AcceptedLine | RefusedLine:
    if isinstance(outcome, VitrineError):
        return {"line": number, "product_id": submission.product.product_id, **problem_of(outcome)}
    return {"line": number, "status": 202, **accepted_document(outcome)}
