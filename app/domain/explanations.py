"""Why a query shows a product where it does, or does not show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.answers import InLeg
from app.domain.deciding import Condition
from app.domain.search import Leg
from app.domain.uploads import Picture, Upload


class Cause(StrEnum):
    """The one thing that decides: with it gone the next may."""

    FOUND = "found"
    CUT_OFF_BY_LIMIT = "cut_off_by_limit"
    CUT_OFF_BY_MIN_SCORE = "cut_off_by_min_score"
    GROUPED = "grouped"
    """So many of its group as may be shown stand before it."""
    DUPLICATE = "duplicate"
    """A product with nearly the same picture stands before it."""
    OWN_PRODUCT = "own_product"
    """The query asks with this product, which is none of its own answers."""
    DELETED = "deleted"
    FILTERED_OUT = "filtered_out"
    NOT_INDEXED = "not_indexed"
    """Its newest version is still on its way or dead."""
    NO_MATCH = "no_match"
    """It has nothing that a leg of the query could find: none of the words, or no picture."""
    MISSED_BY_THE_INDEX = "missed_by_the_index"
    """By its stored vectors or its words it is among the candidates of a leg, and the index did not bring it."""
    BEYOND_CANDIDATES = "beyond_candidates"
    """By its stored vectors and its words it stands further down in every leg than legs are asked for."""
    LEG_LEFT_OUT = "leg_left_out"
    """No leg that answered brought it, and one that failed, or is not there, searches what it has."""


@dataclass(frozen=True, slots=True)
class ProductExplanation:
    """Why a query shows one product or not.

    `rank` and `score` are those of the fused ranking, of browsing the rank alone. `depth` is how many products each
    leg was asked for, 0 where none was. `conditions` keep a product out, or let it pass. `upload` is the one that is
    not indexed, and `missing` the pictures that the newest version goes without. `behind` is the product that is
    shown before it: the first of its group, or the one with nearly the same picture. `degraded` are the legs that
    failed.
    """

    product_id: str
    cause: Cause
    detail: str
    rank: int | None = None
    score: float | None = None
    depth: int = 0
    legs: Mapping[Leg, InLeg] = field(default_factory=dict)
    conditions: Sequence[Condition] = ()
    upload: Upload | None = None
    missing: Sequence[Picture] = ()
    behind: str | None = None
    degraded: Sequence[str] = ()
