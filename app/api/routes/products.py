"""Products: put, patched, deleted, looked at."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import App, Body, CatalogName, Form, IdempotencyKey, ProductId, declared
from app.api.documents import accepted_document, answer, as_json, product_document
from app.api.errors import problem_of
from app.api.schemas.invalid import read
from app.api.schemas.products import NamedProductIn, PatchIn, ProductIn
from app.bootstrap import Application
from app.domain.errors import Malformed, NotFound, TooLarge, VitrineError
from app.domain.products import Product
from app.domain.submissions import Submission
from app.domain.uploads import Upload, UploadKind
from app.services.accept_upload import accept

router = APIRouter(prefix="/v1/catalogs/{catalog}")

MAX_BATCH = 1_000  # lines: what one transaction holds without keeping other writers waiting


@router.put("/products/{product_id}")
def put_product(
    application: App, catalog: CatalogName, product_id: ProductId, body: ProductIn, key: IdempotencyKey = None
) -> Response:
    """State a product, whole."""
    return _accept_one(application, catalog, body.submission(product_id, key=key))


@router.patch("/products/{product_id}")
def patch_product(
    application: App, catalog: CatalogName, product_id: ProductId, body: PatchIn, key: IdempotencyKey = None
) -> Response:
    """Change attributes of a product; nothing is encoded again."""
    return _accept_one(application, catalog, body.submission(product_id, key=key))


@router.delete("/products/{product_id}")
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


@router.get("/products/{product_id}")
def get_product(application: App, catalog: CatalogName, product_id: ProductId) -> Response:
    """A product with its state."""
    declared(application, catalog)
    with application.database.reading() as transaction:
        stored = transaction.products.get(catalog, [product_id]).get(product_id)
    if stored is None:
        raise NotFound(f"there is no product {product_id}", code="unknown_product", field="product_id")
    return answer(product_document(catalog, stored))


@router.post("/products")
def post_product(application: App, catalog: CatalogName, form: Form, key: IdempotencyKey = None) -> Response:
    """State a product with its pictures as parts of a multipart form: `product` is the JSON."""
    if "product" not in form:
        raise Malformed("the form has no part `product`", code="missing_part", field="product")
    body = read(NamedProductIn, form["product"])
    return _accept_one(application, catalog, body.submission(body.product_id, parts=form, key=key))


@router.post("/products:batch")
def post_batch(application: App, catalog: CatalogName, body: Body) -> Response:
    """State many products, one a line (NDJSON); each is answered by a line that says its `line`, in order."""
    lines = {number: line for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()}
    if not lines:
        raise Malformed("the batch has no line: state a product a line, as JSON", code="empty_batch")
    if len(lines) > MAX_BATCH:
        raise TooLarge(f"a batch has at most {MAX_BATCH} lines", code="too_many_lines")
    stated = {number: _read_line(line) for number, line in lines.items()}
    good = [item for item in stated.values() if isinstance(item, Submission)]
    outcomes = iter(accept(application.reception, catalog, good))
    told = (
        {"line": number, **(_tell(item, next(outcomes)) if isinstance(item, Submission) else item)}
        for number, item in stated.items()
    )
    return Response(b"\n".join(as_json(one) for one in told) + b"\n", 207, media_type="application/x-ndjson")


def _accept_one(application: Application, catalog: str, submission: Submission) -> Response:
    (outcome,) = accept(application.reception, catalog, [submission])
    if isinstance(outcome, VitrineError):
        raise outcome
    return answer(accepted_document(outcome), 202)


def _read_line(line: bytes) -> Submission | dict[str, object]:
    """The submission of a line, or the problem that it is."""
    product_id = None
    try:
        body = read(NamedProductIn, line)
        product_id = body.product_id
        return body.submission(body.product_id)
    except VitrineError as error:
        return {"product_id": product_id, **problem_of(error)}


def _tell(submission: Submission, outcome: Upload | VitrineError) -> dict[str, object]:
    if isinstance(outcome, VitrineError):
        return {"product_id": submission.product.product_id, **problem_of(outcome)}
    return {"status": 202, **accepted_document(outcome)}
