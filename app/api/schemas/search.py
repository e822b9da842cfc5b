"""Queries as callers state them."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from app.api.schemas.products import decode_base64
from app.domain.errors import Invalid
from app.domain.filters import parse_filter
from app.domain.products import Schema, check_id
from app.domain.search import Leg, SearchQuery

Fetch = Callable[[str], bytes]
"""Gets the picture behind a URL."""


class QueryImageIn(BaseModel):
    """The picture of a query: as base64, by URL, or those of a product of the catalog."""

    model_config = ConfigDict(extra="forbid")

    data: StrictStr | None = None
    url: StrictStr | None = None
    product_id: StrictStr | None = None

    def content(self, fetch: Fetch) -> bytes:
        """The content of the picture."""
        if self.data is not None:
            return decode_base64(self.data, "image.data")
        return fetch(self.url or "")


class SearchIn(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr | None = None
    image: QueryImageIn | None = None
    filter: dict[str, Any] | None = None
    legs: dict[Leg, StrictFloat] | None = None
    fusion: Literal["rrf"] = "rrf"
    limit: StrictInt = Field(20)

    def query(self, schema: Schema, *, fetch: Fetch, picture: bytes | None = None) -> SearchQuery:
        """The query this states; `picture` is one that came as a multipart part, `fetch` gets one by URL."""
        like = None
        if self.image is not None:
            stated = (self.image.data, self.image.url, self.image.product_id, picture)
            if sum(value is not None for value in stated) != 1:
                raise Invalid("image takes one of data, url and product_id", code="bad_image", field="image")
            if self.image.product_id is not None:
                like = check_id(self.image.product_id, "image.product_id")
            else:
                picture = self.image.content(fetch)
        legs = None if self.legs is None else {leg: self.legs.get(leg, 0.0) for leg in Leg}
        where = parse_filter(self.filter, schema) if self.filter else None
        return SearchQuery(self.text, picture, like, where, legs, self.limit)
