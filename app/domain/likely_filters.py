"""Filters that a catalog's own attributes make, by the share of its products that pass."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from app.domain.filters import parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeType, AttributeValue, Schema

_LADDER = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""Comparisons of about these shares are looked at: two that hold at once pass about the product of theirs."""
_OF_EACH = 2  # of each share, of each attribute
_MOST = 300  # comparisons in all: a catalog may declare two hundred attributes
_PLAINER = np.log(1.2)  # so much nearer two comparisons have to be than one
_NEAR = np.log(1.6)  # a filter that passes so many times as many, or as few, stands for another share

_ORDERED = (AttributeType.NUMBER, AttributeType.DATETIME)
_NAMED = (AttributeType.KEYWORD, AttributeType.KEYWORDS, AttributeType.BOOLEAN)

Sampled = Sequence[Mapping[str, AttributeValue]]


def likely_filters(schema: Schema, sampled: Sampled, shares: Sequence[float]) -> dict[float, dict[str, Any]]:
    """For each share the filter, as JSON, whose share of the sampled products is nearest; none where none is near.

    A filter is one comparison, or two that hold at once.
    """
    comparisons = list(islice(_comparisons(schema, sampled), _MOST))
    if not comparisons:
        return {}
    filters = [parse_filter(one, schema) for one in comparisons]
    passing = np.array([[passes(where, held) for held in sampled] for where in filters], dtype=np.float32)
    together = np.maximum(passing @ passing.T / len(sampled), 1e-9)  # on its diagonal one comparison alone
    names = np.array([next(iter(one)) for one in comparisons])
    alone = np.eye(len(comparisons), dtype=bool)
    found = {}
    for share in shares:
        far = np.abs(np.log(together / share)) + np.where(alone, 0.0, _PLAINER)
        far[(names[:, None] == names[None, :]) & ~alone] = np.inf  # an object has each key once
        one, other = np.unravel_index(int(far.argmin()), far.shape)
        if far[one, other] <= _NEAR:
            found[share] = {**comparisons[one], **comparisons[other]}
    return found


def _comparisons(schema: Schema, sampled: Sampled) -> Iterator[dict[str, Any]]:
    for name, declared in schema.items():
        held = [one[name] for one in sampled if name in one]
        if declared in _ORDERED:
            ordered = sorted(held)  # numbers, or the texts of datetimes
            places = [max(0, int(share * len(sampled)) - 1) for share in _LADDER]
            ends = [ordered[place] for place in places if place < len(ordered)]
            yield from ({name: {"lte": end}} for end in dict.fromkeys(ends))
        elif declared in _NAMED:
            counted = Counter(item for value in held for item in (value if isinstance(value, list) else [value]))
            yield from ({name: value} for value in _near(counted, len(sampled)))


def _near(counted: Counter[Any], products: int) -> Iterator[Any]:
    """The values that about each of the shares hold."""
    found: dict[Any, None] = {}
    for share in _LADDER:
        nearest = sorted(counted, key=lambda value: abs(np.log(counted[value] / (share * products))))
        found |= dict.fromkeys(nearest[:_OF_EACH])
    yield from found
