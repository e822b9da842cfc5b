"""Groups: products that have the same value of an attribute, as variants of one style, or what one brand makes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.column import ABSENT, Mask
from app.domain.errors import Invalid
from app.domain.products import AttributeType, AttributeValue, Schema

MAX_OF_GROUP = 100
"""Hits of one group: as many as the largest page has."""

_ONE_VALUE = {AttributeType.KEYWORD, AttributeType.BOOLEAN, AttributeType.NUMBER, AttributeType.DATETIME}

Keys = NDArray[np.integer]
"""A number for each of some products, shape (products,): the same for the same value, and -1 without one."""


class Grouping(NamedTuple):
    """At most `limit` hits of an answer have the same value of the attribute `by`; what has none stands alone."""

    by: str
    limit: int = 1


class InGroup(NamedTuple):
    """The value that a hit has in common with its group, and how many products that is, itself among them."""

    value: AttributeValue
    size: int


def check_limit(grouping: Grouping) -> None:
    """Raises `Invalid` (`bad_group`) for a limit that is none."""
    if not 1 <= grouping.limit <= MAX_OF_GROUP:
        raise Invalid(f"the limit of a group is from 1 to {MAX_OF_GROUP}", code="bad_group", field="group.limit")


def check_grouping(grouping: Grouping, schema: Schema) -> None:
    """Raises `Invalid`: `unknown_attribute`; `bad_group` for a type of which a product has no value or several."""
    declared = schema.get(grouping.by)
    if declared is None:
        told = f"the catalog declares no attribute {grouping.by[:64]!r}"
        raise Invalid(told, code="unknown_attribute", field="group.by")
    if declared not in _ONE_VALUE:
        told = f"{grouping.by} is a {declared}: a group is of a keyword, number, boolean or datetime"
        raise Invalid(told, code="bad_group", field="group.by")


def first_of_each(keys: Keys, limit: int) -> Mask:
    """Which products are among the first `limit` of their group, in the order they come in."""
    order = np.argsort(keys, kind="stable")
    ordered, places = keys[order], np.arange(len(keys))
    begins = np.diff(ordered, prepend=ABSENT - 1) != 0
    before = places - np.maximum.accumulate(np.where(begins, places, 0))
    first = np.empty(len(keys), dtype=np.bool_)
    first[order] = (before < limit) | (ordered == ABSENT)
    return first


def group_sizes(keys: Keys) -> NDArray[np.intp]:
    """How many products the group of each has; 1 without a group."""
    return np.where(keys == ABSENT, 1, np.bincount(keys[keys != ABSENT], minlength=1)[keys])


def hits_of_groups(keys: Keys, limit: int) -> int:
    """How many hits are left of products of which at most `limit` of each group are shown."""
    grouped = keys[keys != ABSENT]
    return int(np.minimum(np.bincount(grouped), limit).sum()) + len(keys) - len(grouped)
