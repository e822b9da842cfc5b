"""Explanations as JSON documents: legs, conditions, and what a hit tells of both."""

from collections.abc import Mapping, Sequence

from app.api.schemas.explanations import ConditionDocument, ExplanationDocument, InLegDocument
from app.domain.answers import Explanation, InLeg
from app.domain.deciding import Condition
from app.domain.search import Leg


def explanation_document(explained: Explanation) -> ExplanationDocument:
    """Why a hit is one."""
    return {"legs": leg_documents(explained.legs), "filter": condition_documents(explained.conditions)}


def leg_documents(legs: Mapping[Leg, InLeg]) -> dict[str, InLegDocument]:
    """What each leg knows of a product; what is not known is left out."""
    return {leg.value: _leg_document(one) for leg, one in legs.items()}


def _leg_document(one: InLeg) -> InLegDocument:
    told: InLegDocument = {}
    if one.rank is not None and one.score is not None and one.contribution is not None:
        told["rank"], told["score"], told["contribution"] = one.rank, one.score, one.contribution
    if one.exact_score is not None:
        told["exact_score"] = one.exact_score
    if one.exact_rank is not None:
        told["exact_rank"] = one.exact_rank
    return told


def condition_documents(conditions: Sequence[Condition]) -> list[ConditionDocument]:
    """Conditions of a filter, each with what the product has there."""
    return [_condition_document(one) for one in conditions]


def _condition_document(one: Condition) -> ConditionDocument:
    told: ConditionDocument = {"place": one.place, "detail": one.detail}
    if one.stated is not None:
        told["condition"] = one.stated
    if one.value is not None:
        told["value"] = one.value
    return told
