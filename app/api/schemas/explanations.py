"""Why a product is an answer, or none, member by member."""

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.documents import PictureDocument, Receipt
from app.domain.explanations import Cause
from app.domain.products import AttributeValue


class InLegDocument(TypedDict):
    """A product in one leg: rank, score and contribution where the leg brought it.

    The contributions of a product, added up in their order, are its score. `exact_score` is that of its stored
    vectors, and `exact_rank` the rank by them among all that pass the filter, where it was counted.
    """

    rank: NotRequired[int]
    score: NotRequired[float]
    contribution: NotRequired[float]
    exact_score: NotRequired[float]
    exact_rank: NotRequired[int]


class ConditionDocument(TypedDict):
    """A condition that decides: its place in the filter, itself as a filter, and the value there, if any.

    A `condition` or a `value` that is long is left out, and `detail` has its beginning.
    """

    place: str
    condition: NotRequired[Mapping[str, Any]]
    detail: str
    value: NotRequired[AttributeValue]


class ExplanationDocument(TypedDict):
    """Why a product is an answer: the legs that know it, and the conditions of the filter that let it pass."""

    legs: Mapping[str, InLegDocument]
    filter: list[ConditionDocument]


class ProductExplanationDocument(TypedDict):
    """Why a search shows a product or not.

    `rank` and `score` are those in the fused ranking; `depth` says how many products each leg was asked for.
    `conditions` are those of the filter that keep the product out, or let it pass. `upload` is the receipt of its
    newest version while that is not indexed, and `images` are the pictures that it goes without. `behind` is the
    product that is shown before one that is `grouped`, or a `duplicate`. `degraded` are the legs that the explanation
    goes without.
    """

    product_id: str
    reason: Cause
    detail: str
    rank: NotRequired[int]
    score: NotRequired[float]
    depth: NotRequired[int]
    legs: Mapping[str, InLegDocument]
    conditions: list[ConditionDocument]
    upload: NotRequired[Receipt]
    images: NotRequired[list[PictureDocument]]
    behind: NotRequired[str]
    degraded: list[str]
