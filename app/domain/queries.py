"""Queries that are kept: those that shoppers asked, and those somebody has judged the answers to."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.errors import Invalid
from app.domain.products import check_id, check_text
from app.domain.search import BY_VECTOR, MAX_TEXT, USUAL, Fusion, SearchQuery

MAX_JUDGED = 2_000
"""Judged queries of a catalog: a check asks all of them of two builds, some hundredths of a second each."""
MAX_GRADES = 1_000
"""Products that are judged for one query."""
MAX_GRADE = 100.0
"""Whatever scale a person judges on, a percentage at most."""

MAX_TOLD = 4_096
"""Characters of a recorded query as a document: hundreds of them are read at once."""

OVERLAP, NDCG = "overlap@10", "nDCG@10"
"""How a query may lose: against what was answered before, and by what somebody judged."""


@dataclass(frozen=True, slots=True)
class RecordedQuery:
    """What shoppers asked, how often it was among those that were recorded, and when last."""

    query: SearchQuery
    asked: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """Words, and how good some products are as answers to them: by product_id a grade, 0 for a bad one.

    Raises `Invalid` where words or grades are none.
    """

    text: str
    grades: Mapping[str, float] = field(hash=False)

    def __post_init__(self) -> None:
        check_text(self.text, "text", limit=MAX_TEXT)
        if not self.text.strip():
            raise Invalid("a judged query has words", code="empty_query", field="text")
        if not 1 <= len(self.grades) <= MAX_GRADES:
            raise Invalid(
                f"{self.text!r}: a judged query grades 1 to {MAX_GRADES} products",
                code="bad_grades",
                field="products",
            )
        for product_id, grade in self.grades.items():
            check_id(product_id, "product_id")
            if not 0 <= grade <= MAX_GRADE:
                raise Invalid(
                    f"{self.text!r}: a grade is a number from 0 to {MAX_GRADE:g}", code="bad_grades", field="products"
                )
        if not any(self.grades.values()):
            raise Invalid(
                f"{self.text!r}: no product is a good answer: there is nothing to find",
                code="bad_grades",
                field="products",
            )


def is_replayable(query: SearchQuery) -> bool:
    """Whether a query can be kept and asked again.

    Browsing ranks nothing, the picture of a shopper is not kept, and a filter may be of any length. Builds are asked
    by vectors alone: a query that no such leg answers is none for them.
    """
    asks = query.image is None and not query.browses and any(query.weights.get(leg) for leg in BY_VECTOR)
    return asks and len(json.dumps(told_of(query))) <= MAX_TOLD


def told_of(query: SearchQuery) -> dict[str, Any]:
    """A query that can be asked again, as the document that asks it.

    It names no leg that is not asked again: an older release, which may not know it, reads the same rows.
    """
    legs = None if query.legs is None else {leg.value: query.legs[leg] for leg in BY_VECTOR if query.legs.get(leg)}
    image = None if query.like is None else {"product_id": query.like}
    stated = {"text": query.text, "image": image, "filter": query.filter, "legs": legs}
    if query.fusion is not USUAL:
        stated["fusion"] = query.fusion.value
    return {name: value for name, value in stated.items() if value is not None}


def query_of(told: Mapping[str, Any], *, limit: int) -> SearchQuery:
    """A query from its document, for so many hits.

    Legs that only another release knows are passed over; without any other the query states none.
    """
    stated = told.get("legs", {})
    legs = {leg: stated[leg] for leg in BY_VECTOR if stated.get(leg)} or None
    like = told.get("image", {}).get("product_id")
    fusion = Fusion(told.get("fusion", USUAL))
    return SearchQuery(told.get("text"), like=like, filter=told.get("filter"), legs=legs, limit=limit, fusion=fusion)


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of the longer of two rankings that both have; 1 where both are empty."""
    longer = max(len(one), len(other))
    return len(set(one) & set(other)) / longer if longer else 1.0


def ndcg(ranking: Sequence[str], grades: Mapping[str, float], depth: int) -> float:
    """Normalised discounted cumulative gain of the first `depth`; Järvelin and Kekäläinen, TOIS 2002."""
    best = sorted(grades.values(), reverse=True)[:depth]
    return _dcg([grades.get(one, 0.0) for one in ranking[:depth]]) / _dcg(best)


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def recall(ranking: Sequence[str], grades: Mapping[str, float], depth: int) -> float:
    """The share of good answers among the first `depth`, of as many as could stand there."""
    good = {one for one, grade in grades.items() if grade > 0}
    return len(good & set(ranking[:depth])) / min(depth, len(good))
