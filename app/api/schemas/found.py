"""The answer to a query, member by member."""

from collections.abc import Mapping
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.documents import PictureDocument
from app.api.schemas.explanations import ExplanationDocument
from app.domain.products import AttributeValue


class MatchedDocument(TypedDict):
    """The picture that a query found."""

    position: int
    url: str


class GroupDocument(TypedDict):
    """The value that a hit has in common with its group, and how many products that is, itself among them."""

    value: AttributeValue
    size: int


class HitDocument(TypedDict):
    """One product of an answer; without a score where nothing was asked for.

    With a `group` where groups were asked for and it has a value; with `duplicates` where so many products were left
    out for nearly the same picture.
    """

    product_id: str
    score: float | None
    title: str
    attributes: Mapping[str, AttributeValue]
    images: list[PictureDocument]
    matched_image: NotRequired[MatchedDocument]
    explain: NotRequired[ExplanationDocument]
    group: NotRequired[GroupDocument]
    duplicates: NotRequired[int]


class TotalDocument(TypedDict):
    """How many there are: of everything that passes the filter, or of the candidates of a query."""

    value: int
    exact: bool
    scope: Literal["catalog", "candidates"]


class BucketDocument(TypedDict):
    """So many products have a value of at least `gte` and less than `lt`; without `lt` there is no end."""

    gte: float | str
    lt: NotRequired[float | str]
    count: int


class RangeDocument(TypedDict):
    """The range of a number or a datetime; null, and no bucket, where no product has one."""

    min: float | str | None
    max: float | str | None
    buckets: list[BucketDocument]


class AnsweredBy(TypedDict):
    """The build that answered."""

    id: str
    encoder: str


class ResultDocument(TypedDict):
    """What a query found, best first; with a cursor unless it is the last page."""

    hits: list[HitDocument]
    total: TotalDocument
    facets: NotRequired[Mapping[str, Mapping[str, int] | RangeDocument]]
    cursor: NotRequired[str]
    build: AnsweredBy
    degraded: list[str]


class OwnDocument(TypedDict):
    """What is of one request alone: where its time went, and whether it was answered from what is kept."""

    timings_ms: Mapping[str, float]
    cached: bool


class SearchDocument(ResultDocument, OwnDocument):
    """The answer to a query."""
