"""Queries as callers state them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from app.api.schemas.products import decode_base64
from app.domain.errors import Invalid
from app.domain.grouping import Grouping
from app.domain.products import check_id
from app.domain.search import MAX_LIMIT, USUAL, Fusion, Leg, SearchQuery


class QueryImageIn(BaseModel):
    """The picture of a query: as base64, by URL, or those of a product of the catalog."""

    model_config = ConfigDict(extra="forbid")

    data: StrictStr | None = None
    url: StrictStr | None = None
    product_id: StrictStr | None = None


class GroupIn(BaseModel):
    """The attribute whose values are groups, and how many hits of one there may be."""

    model_config = ConfigDict(extra="forbid")

    by: StrictStr
    limit: StrictInt = 1


class SearchIn(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr | None = None
    image: QueryImageIn | None = None
    filter: dict[str, Any] | None = None
    legs: dict[Leg, StrictFloat] | None = Field(
        default=None, description="How much each leg counts. One that is not named is not searched, as one with 0."
    )
    fusion: Fusion = Field(
        default=USUAL, description="How the legs become one ranking: by their scores, or by ranks alone."
    )
    limit: StrictInt = Field(default=20, json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT})
    facets: list[StrictStr] = Field(default_factory=list)
    cursor: StrictStr | None = None
    min_score: StrictFloat | None = None
    explain: StrictBool = False
    group: GroupIn | None = None
    collapse_duplicates: StrictBool = False

    def query(self, *, picture: bytes | None = None) -> SearchQuery:
        """The query this states; `picture` is one that came as a multipart part."""
        image: bytes | str | None = picture
        like = None
        if self.image is not None:
            stated = (self.image.data, self.image.url, self.image.product_id, picture)
            if sum(value is not None for value in stated) != 1:
                raise Invalid("image takes one of data, url and product_id", code="bad_image", field="image")
            if self.image.product_id is not None:
                like = check_id(self.image.product_id, "image.product_id")
            elif self.image.data is not None:
                image = decode_base64(self.image.data, "image.data")
            else:
                image = self.image.url
        legs = None if self.legs is None else {leg: self.legs.get(leg, 0.0) for leg in Leg}
        return SearchQuery(
            text=self.text,
            image=image,
            like=like,
            filter=self.filter,
            legs=legs,
            limit=self.limit,
            fusion=self.fusion,
            facets=tuple(self.facets),
            min_score=self.min_score,
            explain=self.explain,
            group=None if self.group is None else Grouping(self.group.by, self.group.limit),
            collapse_duplicates=self.collapse_duplicates,
        )
