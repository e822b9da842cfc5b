"""Queries as callers state them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from app.api.schemas.products import decode_base64
from app.domain.errors import Invalid
from app.domain.filters import parse_filter
from app.domain.products import Schema, check_id
from app.domain.search import DEFAULT_LEGS, Leg, SearchQuery


class QueryImageIn(BaseModel):
    """The picture of a query: as base64, or that of a product of the catalog."""

    model_config = ConfigDict(extra="forbid")

    data: StrictStr | None = None
    product_id: StrictStr | None = None


class SearchIn(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr | None = None
    image: QueryImageIn | None = None
    filter: dict[str, Any] | None = None
    legs: dict[Leg, float] | None = None
    fusion: Literal["rrf"] = "rrf"
    limit: StrictInt = Field(20)

    def query(self, schema: Schema, *, picture: bytes | None = None) -> SearchQuery:
        """The query this states; `picture` is one that came as a multipart part."""
        like = None
        if self.image is not None:
            given = [value for value in (self.image.data, self.image.product_id, picture) if value is not None]
            if len(given) != 1:
                raise Invalid("image takes one of data and product_id", code="bad_image", field="image")
            if self.image.data is not None:
                picture = decode_base64(self.image.data, "image.data")
            else:
                like = check_id(self.image.product_id or "", "image.product_id")
        legs = DEFAULT_LEGS if self.legs is None else {leg: self.legs.get(leg, 0.0) for leg in Leg}
        where = parse_filter(self.filter, schema) if self.filter else None
        return SearchQuery(self.text, picture, like, where, legs, self.limit)
