"""Queries that are kept of a catalog."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.parts import Moment
from app.domain.queries import MAX_GRADES, MAX_JUDGED, JudgedQuery

Grade = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


class JudgedQueryIn(BaseModel):
    """Words, and by product_id how good an answer it is: 0 is a bad one, and more is better."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr
    products: dict[str, Grade] = Field(max_length=MAX_GRADES)

    def judged(self) -> JudgedQuery:
        """As the domain has it. Raises `Invalid`."""
        return JudgedQuery(self.text, self.products)


class JudgedIn(BaseModel):
    """The judged queries of a catalog, in the place of those before."""

    model_config = ConfigDict(extra="forbid")

    queries: list[JudgedQueryIn] = Field(max_length=MAX_JUDGED)


class RecordedDocument(TypedDict):
    """A search that shoppers asked, as it was asked, how often among those that were recorded, and when last."""

    query: Mapping[str, Any]
    asked: int
    last_at: Moment


class JudgedDocument(TypedDict):
    """A judged query."""

    text: str
    products: Mapping[str, float]


class UnknownDocument(TypedDict):
    """How many of the judged products are not in the catalog, and the first of them by product_id."""

    products: int
    first: list[str]


class QueriesDocument(TypedDict):
    """The queries kept of a catalog: those asked most come first, at most a thousand.

    `unknown` is there where products are judged that are not in the catalog. They may come yet; until then a query
    that has no other good answer cannot be asked, which keeps a build from passing its check.
    """

    recorded: list[RecordedDocument]
    judged: list[JudgedDocument]
    unknown: NotRequired[UnknownDocument]


class ForgottenDocument(TypedDict):
    """How many recorded queries were dropped."""

    forgotten: int
