"""Submissions: what a caller states, before it is an upload."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import Invalid
from app.domain.products import MAX_IMAGES, Product, check_id
from app.domain.uploads import MAX_VERSION, UploadKind

MAX_KEY = 255  # characters of an Idempotency-Key


@dataclass(frozen=True, slots=True)
class Submission:
    """One change of one product as a caller states it.

    `pictures` holds, in order, a URL or the content of each. A patch states in `attributes` only what changes (None
    takes an attribute away); a deletion states nothing but the id.
    """

    kind: UploadKind
    product: Product
    pictures: Sequence[str | bytes] = ()
    changes: Mapping[str, Any] | None = None
    version: int | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        check_id(self.product.product_id, "product_id")
        if self.version is not None and not 1 <= self.version <= MAX_VERSION:
            raise Invalid("version must be from 1 to 2^63 - 1", code="bad_version", field="version")
        if len(self.pictures) > MAX_IMAGES:
            raise Invalid(f"a product has at most {MAX_IMAGES} images", code="too_many_images", field="images")
        key = self.idempotency_key
        if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
            raise Invalid(
                f"Idempotency-Key must have 1 to {MAX_KEY} printable characters",
                code="bad_idempotency_key",
                field="Idempotency-Key",
            )


def content_digest(product: Product, pictures: Sequence[str]) -> str:
    """64 hex digits over a product as a version leaves it; `pictures` holds the hash or URL of each, in order."""
    return _digest(
        ["upsert", product.product_id, product.title, product.description, dict(product.attributes), list(pictures)]
    )


def patch_digest(product_id: str, changes: Mapping[str, Any]) -> str:
    """64 hex digits over what a patch states."""
    return _digest(["patch", product_id, dict(changes)])


def delete_digest(product_id: str) -> str:
    """64 hex digits over what a deletion states."""
    return _digest(["delete", product_id])


def request_digest(digest: str, version: int | None) -> str:
    """64 hex digits over a whole request: what it states (`digest`) and the version it gives."""
    return _digest(["request", digest, version])


def _digest(stated: Sequence[Any]) -> str:
    canonical = json.dumps(stated, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
