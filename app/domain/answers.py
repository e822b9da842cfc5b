"""The answers to queries: hits, how many there are, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.domain.deciding import Condition
from app.domain.facets import Facet
from app.domain.grouping import InGroup
from app.domain.search import Leg
from app.domain.uploads import Picture


class ShownProduct(NamedTuple):
    """What an answer shows of a product."""

    product_id: str
    title: str
    attributes: Mapping[str, Any]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class InLeg:
    """A product in one leg: its rank, the score that its index gave it, and what it adds to the fused score.

    A product that the leg did not bring has none of these. `exact_score` is what the stored vectors give, whatever
    the index keeps of them: where it keeps less than the vectors, the rank is by these. `exact_rank` is the rank
    among all that pass the filter, where that was counted.
    """

    rank: int | None = None
    score: float | None = None
    contribution: float | None = None
    exact_score: float | None = None
    exact_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a product is an answer: what the legs that brought it say, and the conditions that let it pass."""

    legs: Mapping[Leg, InLeg]
    conditions: Sequence[Condition]


class Hit(NamedTuple):
    """One product of an answer."""

    product: ShownProduct
    score: float | None = None
    matched: Picture | None = None
    explanation: Explanation | None = None
    group: InGroup | None = None
    duplicates: int = 0
    """How many were left out for a picture that is nearly this one's."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are; `scope` says of what: everything that passes the filter, or the candidates of the query."""

    value: int
    exact: bool
    scope: Literal["catalog", "candidates"]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a query, the build that gave it, and where the time went."""

    hits: Sequence[Hit]
    total: Total
    build_id: str
    encoder: str
    timings_ms: Mapping[str, float]
    facets: Mapping[str, Facet] = field(default_factory=dict)
    degraded: Sequence[str] = ()
    cursor: str | None = None
    """What the next page is asked for with; None where this is the last one."""
    lasts: bool = True
    """Whether the same query is answered so until something changes: no leg is missing that may be back."""
