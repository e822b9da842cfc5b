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
        case _ if where.attribute not in attributes:
            return False
        case Exists():
            return True
        case OneOf(attribute, AttributeType.KEYWORDS, values):
            return any(value in values for value in attributes[attribute])
        case OneOf(attribute, AttributeType.NUMBER, values):
            return float(attributes[attribute]) in values
        case OneOf(attribute, _, values):
            return attributes[attribute] in values
        case Range(attribute, declared, bounds):
            value = attributes[attribute]
            number = float(value) if declared is AttributeType.NUMBER else value
            return all(_COMPARE[bound](number, limit) for bound, limit in bounds)
