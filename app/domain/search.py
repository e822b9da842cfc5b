"""Queries: what is asked for, the legs that are searched, and their candidates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from app.domain.errors import Invalid
from app.domain.grouping import Grouping, check_limit
from app.domain.products import check_text

MAX_LIMIT = 100
MAX_WEIGHT = 1e6
MAX_TEXT = 2_000  # characters; an encoder reads a few dozen words and cuts the rest

ACROSS = 0.1
"""The weight of a leg that is asked across kinds (words against pictures), beside 1 for one asked in its own kind."""

BY_WORDS = 6.0
"""The weight of the keyword leg where words alone are asked for, beside 1 for the text leg: who has the words comes
first, and among those who is nearest. `scripts/bench/quality.py` compares."""


class Leg(StrEnum):
    """One ranked list inside a query."""

    IMAGE = "image"
    TEXT = "text"
    KEYWORD = "keyword"
    """By the words themselves, and not by a vector."""


BY_VECTOR = (Leg.IMAGE, Leg.TEXT)
"""The legs that are asked by vectors."""


class Fusion(StrEnum):
    """How legs become one ranking."""

    RRF = "rrf"
    """By rank."""
    WEIGHTED = "weighted"
    """By score."""


USUAL = Fusion.WEIGHTED
"""Of queries that name none."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a storefront asks: words, a picture, both, or neither (browse).

    The picture is given by its content or URL in `image`, or as the product in `like`. `filter` is the JSON of a
    filter: the catalog's schema says what it means. Hits whose score is below `min_score` are left out; browsing
    scores nothing, and leaves none out. With `explain` every hit tells where it comes from. `group` bounds the hits
    of one group, and with `collapse_duplicates` of products with nearly the same picture the best is shown.
    """

    text: str | None = None
    image: bytes | str | None = None
    like: str | None = None
    filter: Mapping[str, Any] | None = None
    legs: Mapping[Leg, float] | None = None
    limit: int = 20
    fusion: Fusion = USUAL
    facets: Sequence[str] = ()
    min_score: float | None = None
    explain: bool = False
    group: Grouping | None = None
    collapse_duplicates: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise Invalid(f"limit must be from 1 to {MAX_LIMIT}", code="bad_limit", field="limit")
        if self.text is not None:
            check_text(self.text, "text", limit=MAX_TEXT)
            if not self.text.strip():
                raise Invalid("text must not be empty: leave it out to browse", code="empty_query", field="text")
        if self.image is not None and self.like is not None:
            raise Invalid("ask by a picture or by a product, not by both", code="bad_query", field="image")
        if self.min_score is not None and not 0 <= self.min_score < math.inf:
            raise Invalid("min_score is a number from 0", code="bad_min_score", field="min_score")
        if self.group is not None:
            check_limit(self.group)
        if self.collapse_duplicates and self.browses:
            told = "duplicates are collapsed in what words or a picture find: leave it out to browse"
            raise Invalid(told, code="bad_collapse", field="collapse_duplicates")
        weights = list(self.weights.values())
        if any(not 0 <= weight <= MAX_WEIGHT for weight in weights) or not any(weights):
            raise Invalid(
                f"weights of legs are numbers from 0 to {MAX_WEIGHT:,.0f}, and one must be above 0",
                code="bad_legs",
                field="legs",
            )

    @property
    def weights(self) -> Mapping[Leg, float]:
        """The weight of each leg: as stated, or by what is asked for. 0 switches a leg off."""
        if self.legs is not None:
            return self.legs
        words_alone = self.text is not None and self.image is None and self.like is None
        picture_alone = self.image is not None and self.text is None
        return {
            Leg.IMAGE: ACROSS if words_alone else 1.0,
            Leg.TEXT: ACROSS if picture_alone else 1.0,
            Leg.KEYWORD: 0.0 if self.text is None else BY_WORDS if words_alone else 1.0,
        }

    @property
    def diverse(self) -> bool:
        """Whether some of what is found may not be shown beside the rest."""
        return self.group is not None or self.collapse_duplicates

    @property
    def browses(self) -> bool:
        """Whether nothing is asked for: what passes the filter is shown in a stable order."""
        return self.text is None and self.image is None and self.like is None


class Candidate(NamedTuple):  # every query makes some hundreds: a dataclass that is frozen takes four times as long
    """A product in one leg: its rank from 1 (equal scores share one), cosine or BM25, and the row that matched.

    `approximate` is what its index scored it where that keeps less than the vectors: the score is exact all the same.
    """

    product_id: str
    rank: int
    score: float
    row_id: str
    approximate: float | None = None


class Ranked(NamedTuple):
    """A product in the fused ranking."""

    product_id: str
    score: float
