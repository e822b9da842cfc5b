"""What a filter selects, said in plain Python: the measure every rendering is held against."""

import operator
from collections.abc import Mapping

from app.domain.filters import All, AnyOf, Exists, Filter, Not, OneOf, Range
from app.domain.products import AttributeType, AttributeValue

_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def passes(where: Filter, attributes: Mapping[str, AttributeValue]) -> bool:
    match where:
        case All(terms):
            return all(passes(term, attributes) for term in terms)
        case AnyOf(terms):
            return any(passes(term, attributes) for term in terms)
        case Not(term):
            return not passes(term, attributes)
        case Exists(attribute):
            return attribute in attributes
        case _:
            return where.attribute in attributes and _holds(where, attributes[where.attribute])


def _holds(where: OneOf | Range, held: AttributeValue) -> bool:
    if where.type is AttributeType.NUMBER:
        held = float(held)
    if isinstance(where, Range):
        return all(_COMPARE[bound](held, limit) for bound, limit in where.bounds)
    return any(item in where.values for item in (held if isinstance(held, list) else [held]))
