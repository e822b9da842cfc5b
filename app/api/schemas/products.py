"""Products as callers state them."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from app.domain.errors import Invalid
from app.domain.products import AttributeType, Product
from app.domain.submissions import Submission
from app.domain.uploads import UploadKind


class ImageIn(BaseModel):
    """One picture: by URL, as base64, or the name of a multipart part."""

    model_config = ConfigDict(extra="forbid")

    url: StrictStr | None = None
    data: StrictStr | None = None
    upload: StrictStr | None = None

    def stated(self, parts: Mapping[str, bytes], where: str) -> str | bytes:
        """The URL or the content. Raises `Invalid` with `where` as the field."""
        given = [value for value in (self.url, self.data, self.upload) if value is not None]
        if len(given) != 1:
            raise Invalid(f"{where} takes one of url, data and upload", code="bad_image", field=where)
        if self.url is not None:
            return self.url
        if self.data is not None:
            return decode_base64(self.data, where)
        if self.upload is None or self.upload not in parts:
            raise Invalid(f"{where} names a part that did not come", code="missing_part", field=where)
        return parts[self.upload]


class ProductIn(BaseModel):
    """A product, whole."""

    model_config = ConfigDict(extra="forbid")

    title: StrictStr
    description: StrictStr | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    images: list[ImageIn] = Field(default_factory=list)
    version: StrictInt | None = None

    def submission(
        self, product_id: str, *, parts: Mapping[str, bytes] | None = None, key: str | None = None
    ) -> Submission:
        """The submission this states."""
        product = Product(product_id, self.title, self.description or "", self.attributes)
        pictures = [image.stated(parts or {}, f"images[{place}]") for place, image in enumerate(self.images)]
        return Submission(UploadKind.UPSERT, product, pictures, version=self.version, idempotency_key=key)


class NamedProductIn(ProductIn):
    """A product with its id in the body: for multipart and batches."""

    product_id: StrictStr


class PatchIn(BaseModel):
    """Attributes to change; null takes one away."""

    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Any]
    version: StrictInt | None = None

    def submission(self, product_id: str, *, key: str | None = None) -> Submission:
        """The submission this states."""
        return Submission(
            UploadKind.PATCH,
            Product(product_id, ""),
            changes=self.attributes,
            version=self.version,
            idempotency_key=key,
        )


class CatalogIn(BaseModel):
    """A catalog's declaration. `caption` names attributes that join title and description in what is encoded.

    Without `caption`, a catalog keeps the one it has.
    """

    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Annotated[str, Field(max_length=20)]] = Field(default_factory=dict)
    caption: list[StrictStr] | None = None

    def attribute_types(self) -> dict[str, AttributeType]:
        """The type of every attribute. Raises `Invalid` (`unknown_type`)."""
        return {name: _attribute_type(name, stated) for name, stated in self.attributes.items()}


def _attribute_type(name: str, stated: str) -> AttributeType:
    try:
        return AttributeType(stated)
    except ValueError:
        known = ", ".join(one.value for one in AttributeType)
        raise Invalid(
            f"attribute {name[:64]} is declared as {stated[:20]}, which is none of {known}",
            code="unknown_type",
            field=f"attributes.{name[:64]}",
        ) from None


def decode_base64(text: str, where: str) -> bytes:
    """Content from base64. Raises `Invalid` (`bad_base64`)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(
            f"{where} is not base64; a data URL is without its beginning up to the comma",
            code="bad_base64",
            field=where,
        ) from None
