"""What a filter selects, said in plain Python: the measure that every rendering of a filter is held against."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.filters import All, AnyOf, Bound, Exists, Filter, Not, OneOf, Range
from app.domain.products import AttributeType, AttributeValue

COMPARE: Mapping[Bound, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
"""What each bound of a range asks of a value and the bound."""


def passes(where: Filter, attributes: Mapping[str, AttributeValue]) -> bool:
    """Whether a product with these attributes passes."""
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
        held = float(held)  # type: ignore[arg-type]  # a number: compared as a double, as stores compare it
    if isinstance(where, Range):
        return all(COMPARE[bound](held, limit) for bound, limit in where.bounds)
    return any(item in where.values for item in (held if isinstance(held, list) else [held]))
