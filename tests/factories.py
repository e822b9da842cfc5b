"""Catalogs, products, uploads, builds and pictures for tests: what a test does not say has a plain value."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image

from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.products import AttributeType, Catalog, Product
from app.domain.submissions import Submission, content_digest
from app.domain.uploads import Picture, UploadKind, UploadState
from app.ports.products import Accepted
from tests.fakes.encoders import COLOURS, spec

SCHEMA = {
    "price": AttributeType.NUMBER,
    "colour": AttributeType.KEYWORD,
    "in_stock": AttributeType.BOOLEAN,
    "sizes": AttributeType.KEYWORDS,
    "released": AttributeType.DATETIME,
    "care": AttributeType.TEXT,
}
FLAT = IndexSpec.of("FLAT")


def a_catalog(name: str = "shop", *, caption: tuple[str, ...] = ()) -> Catalog:
    return Catalog(name, SCHEMA, caption)


def a_product(product_id: str = "p", title: str = "a red mug", **attributes: Any) -> Product:
    return Product(product_id, title, attributes=attributes)


def a_picture(colour: str = "red", *, size: tuple[int, int] = (24, 24), kind: str = "JPEG") -> bytes:
    """A picture all of one colour that the fake encoder knows."""
    written = BytesIO()
    Image.new("RGB", size, COLOURS[colour]).save(written, kind)
    return written.getvalue()


def a_submission(product_id: str = "p", title: str = "a red mug", **stated: Any) -> Submission:
    attributes = stated.pop("attributes", {})
    return Submission(UploadKind.UPSERT, Product(product_id, title, attributes=attributes), **stated)


def a_deletion(product_id: str = "p", **stated: Any) -> Submission:
    return Submission(UploadKind.DELETE, Product(product_id, ""), **stated)


def a_patch(product_id: str = "p", *, changes: dict[str, Any], **stated: Any) -> Submission:
    return Submission(UploadKind.PATCH, Product(product_id, ""), changes=changes, **stated)


def an_upload(
    product: Product | str = "p",
    version: int = 1,
    *,
    kind: UploadKind = UploadKind.UPSERT,
    state: UploadState = UploadState.FETCHED,
    newest: bool = True,
    pictures: Sequence[Picture] = (),
) -> Accepted:
    stated = a_product(product) if isinstance(product, str) else product
    digest = content_digest(stated, [picture.source for picture in pictures])
    return Accepted(uuid4().hex, version, newest, kind, state, digest, digest, stated, tuple(pictures))


def a_build(
    catalog: str = "shop", state: BuildState = BuildState.LIVE, *, weights: str = "0", at: datetime | None = None
) -> Build:
    taking = state in {BuildState.BUILDING, BuildState.READY, BuildState.LIVE}
    return Build(uuid4().hex, catalog, state, spec(weights=weights), FLAT, at or datetime.now(UTC), taking)
