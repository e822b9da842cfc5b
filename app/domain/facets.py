"""Facets: how many products of a set hold each value of an attribute, or lie in each bucket of its range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.column import Column
from app.domain.columns import Columns, Rows
from app.domain.errors import Invalid
from app.domain.histogram import moment_edges, number_edges
from app.domain.products import AttributeType, Schema

MAX_FACETS = 20  # attributes in one query; a shop's side bar shows ten
MAX_VALUES = 200
"""Values of one facet, the most frequent ones: a person scrolls through some dozens."""


@dataclass(frozen=True, slots=True)
class ValueFacet:
    """How many products hold each value, the most frequent first, equal ones by value.

    A product with several values of a keyword[] counts for each. `values` is how many distinct ones are held:
    more than there are counts where some were left out.
    """

    counts: Mapping[str, int]
    values: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many products have a value of at least `gte` and less than `lt`; without `lt` there is no end."""

    gte: float | str
    lt: float | str | None
    count: int


@dataclass(frozen=True, slots=True)
class RangeFacet:
    """The least and the greatest value, and buckets that hold them all; no value at all where there is no bucket."""

    min: float | str | None
    max: float | str | None
    buckets: Sequence[Bucket]


Facet = ValueFacet | RangeFacet


def check_facets(names: Sequence[str], schema: Schema) -> Schema:
    """The attributes that are to be counted, with their types.

    Raises `Invalid`: `unknown_attribute`; `bad_facet` for a `text` attribute, which has no values to choose from, and
    for too many.
    """
    if len(names) > MAX_FACETS:
        raise Invalid(
            f"facets of at most {MAX_FACETS} attributes are counted at once", code="bad_facet", field="facets"
        )
    for name in names:
        declared = schema.get(name)
        if declared is None:
            message = f"the catalog declares no attribute {name[:64]!r}"
            raise Invalid(message, code="unknown_attribute", field="facets")
        if declared is AttributeType.TEXT:
            raise Invalid(f"{name} is a text: declare it as a keyword to count it", code="bad_facet", field="facets")
    return {name: schema[name] for name in names}


def facet(columns: Columns, rows: Rows, name: str, declared: AttributeType) -> Facet:
    """The facet of one attribute over some rows."""
    column = columns.column(name)
    if declared is AttributeType.NUMBER:
        return _of_numbers(column, rows)
    if declared is AttributeType.DATETIME:
        return _of_moments(column, rows)
    return _of_values(column, rows)


def _of_values(column: Column | None, rows: Rows) -> ValueFacet:
    counted: dict[str, int] = {}
    for value, count in _counts(column, rows):
        for one in dict.fromkeys(value) if isinstance(value, tuple) else [value]:
            name = one if isinstance(one, str) else str(one).lower()
            counted[name] = counted.get(name, 0) + count
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ValueFacet(dict(ordered[:MAX_VALUES]), len(ordered))


def _of_numbers(column: Column | None, rows: Rows) -> RangeFacet:
    held = np.empty(0) if column is None else column.numbers[rows]
    held = held[~np.isnan(held)]
    if not len(held):
        return RangeFacet(None, None, ())
    least, greatest = float(held.min()), float(held.max())
    edges = number_edges(least, greatest)
    counts = np.bincount(np.searchsorted(edges, held, side="right") - 1, minlength=len(edges) - 1)
    return RangeFacet(least, greatest, _trimmed(edges, counts.tolist()))


def _of_moments(column: Column | None, rows: Rows) -> RangeFacet:
    counted = sorted((value, count) for value, count in _counts(column, rows) if isinstance(value, str))
    if not counted:
        return RangeFacet(None, None, ())
    edges = moment_edges(counted[0][0], counted[-1][0])
    places = np.searchsorted(edges, [value for value, _ in counted], side="right") - 1
    counts = np.bincount(places, weights=[count for _, count in counted], minlength=len(edges) - 1)
    return RangeFacet(counted[0][0], counted[-1][0], _trimmed(edges, counts.astype(int).tolist()))


def _counts(column: Column | None, rows: Rows) -> Sequence[tuple[Any, int]]:
    """The distinct values that some rows hold, numbers aside, and how many rows hold each."""
    if column is None:
        return []
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0])
    places = np.flatnonzero(counts)
    return [
        (column.values[place], count) for place, count in zip(places.tolist(), counts[places].tolist(), strict=True)
    ]


def _trimmed(edges: Sequence[float | str], counts: Sequence[int]) -> Sequence[Bucket]:
    """The buckets without empty ones at either end."""
    ends = [*edges[1:], None]
    full = [Bucket(gte, lt, count) for gte, lt, count in zip(edges, ends, counts, strict=False)]
    filled = [place for place, bucket in enumerate(full) if bucket.count]
    return full[filled[0] : filled[-1] + 1]
