"""What the API answers: domain values as JSON documents. Written by hand: a model for each answer costs more time.

The types in `app/api/schemas` say which members there are.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
from fastapi.responses import Response

from app.api.build_documents import build_document
from app.api.schemas.documents import (
    AcceptedDocument,
    CatalogDocument,
    PictureDocument,
    ProductDocument,
    Receipt,
)
from app.api.schemas.parts import Reason
from app.domain.products import Catalog
from app.domain.uploads import TERMINAL, Picture, Upload, UploadKind, UploadState
from app.ports.products import StoredProduct
from app.services.describe_catalog import Description

_STAGES = (
    UploadState.ACCEPTED,
    UploadState.FETCHED,
    UploadState.ENCODED,
    UploadState.INDEXED,
    UploadState.SUPERSEDED,
    UploadState.DEAD,
)


def as_json(document: Any) -> bytes:
    """JSON in UTF-8; text that is no valid Unicode (an echo of bad input) is mended rather than refused."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(_mended(document))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value


def answer(document: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(as_json(document), status, media_type="application/json")


def catalog_document(catalog: Catalog, products: int) -> CatalogDocument:
    """A catalog in a list."""
    return {
        "name": catalog.name,
        "attributes": dict(catalog.attributes),
        "caption": list(catalog.caption),
        "products": products,
    }


def description_document(described: Description) -> CatalogDocument:
    """A catalog, with its uploads and the build that answers."""
    document = catalog_document(described.catalog, described.products)
    document["uploads"] = dict(described.uploads)
    if described.live is not None:
        document["build"] = build_document(described.live)
    return document


def picture_document(catalog: str, picture: Picture) -> PictureDocument:
    """A picture of a product: where to get it, or why it is missing."""
    shown: PictureDocument = {"position": picture.position}
    if picture.content_hash is not None and picture.error_code is None:
        shown["url"] = picture_url(catalog, picture)
        shown["width"], shown["height"] = picture.width, picture.height
    if picture.url is not None:
        shown["source"] = picture.url
    if picture.error_code is not None:
        shown["error"] = {"code": picture.error_code, "detail": picture.error_detail}
    return shown


def picture_url(catalog: str, picture: Picture) -> str:
    """The path under which the API serves a picture."""
    return f"/v1/catalogs/{quote(catalog)}/pictures/{picture.content_hash}"


def product_document(catalog: str, stored: StoredProduct) -> ProductDocument:
    """A product with its state."""
    return {
        "product_id": stored.product.product_id,
        "title": stored.product.title,
        "description": stored.product.description,
        "attributes": stored.product.attributes,
        "images": [picture_document(catalog, one) for one in stored.pictures],
        "version": stored.version,
        "state": stored.state,
        "upload_id": stored.upload_id,
    }


def receipt_document(upload: Upload, missing: Sequence[Picture] = ()) -> Receipt:
    """A receipt: the stages an upload has passed, and what went wrong; `missing` are the pictures it goes without."""
    indexed = upload.stages.get(UploadState.INDEXED)
    searchable = indexed if indexed is not None and upload.kind is not UploadKind.DELETE else None
    told: Receipt = {
        "upload_id": upload.id,
        "catalog": upload.catalog,
        "product_id": upload.product_id,
        "version": upload.version,
        "kind": upload.kind,
        "state": upload.state,
        "stages": [{"stage": one, "at": upload.stages[one].isoformat()} for one in _STAGES if one in upload.stages],
        "searchable_at": searchable.isoformat() if searchable else None,
        "attempts": upload.attempts,
    }
    if upload.error_code is not None:
        reason: Reason = {"code": upload.error_code, "detail": upload.error_detail}
        if upload.state is UploadState.DEAD:
            told["error"] = reason
        elif upload.state not in TERMINAL:
            told["last_error"] = reason
    if upload.next_attempt_at is not None:
        told["next_attempt_at"] = upload.next_attempt_at.isoformat()
    if missing:
        told["images"] = [picture_document(upload.catalog, picture) for picture in missing]
    return told


def accepted_document(upload: Upload) -> AcceptedDocument:
    """The answer to a submission."""
    return {
        "upload_id": upload.id,
        "product_id": upload.product_id,
        "version": upload.version,
        "state": upload.state,
        "status_url": f"/v1/uploads/{upload.id}",
    }
