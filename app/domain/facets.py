"""Facets: how many products of a set hold each value of an attribute, or lie in each bucket of its range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np

from app.domain.column import Column
from app.domain.columns import Rows
from app.domain.errors import Invalid
from app.domain.histogram import moment_edges, number_edges
from app.domain.products import AttributeType, Schema

MAX_FACETS = 20  # attributes in one query; a shop's side bar shows ten
MAX_VALUES = 200
"""Values of one facet, the most frequent ones: a person scrolls through some dozens."""


@dataclass(frozen=True, slots=True)
class ValueFacet:
    """How many products hold each value, the most frequent first, equal ones by value.

    A product with several values of a keyword[] counts for each.
    """

    counts: Mapping[str, int]


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


def facet(column: Column | None, rows: Rows, declared: AttributeType) -> Facet:
    """The facet of one attribute over some rows; of one that no product ever had there is no column."""
    if declared is AttributeType.NUMBER:
        return _of_numbers(column, rows)
    if declared is AttributeType.DATETIME:
        return _of_moments(column, rows)
    return _of_values(column, rows)


def _of_values(column: Column | None, rows: Rows) -> ValueFacet:
    if column is None:
        return ValueFacet({})
    counts, places = _counts(column, rows)
    if len(places) > MAX_VALUES and not any(isinstance(column.values[place], tuple) for place in places[:1]):
        counts, places = _most_frequent(column, counts, places)
    counted: dict[str, int] = {}
    for count, place in zip(counts.tolist(), places.tolist(), strict=True):
        value = column.values[place]
        for one in dict.fromkeys(value) if isinstance(value, tuple) else [value]:
            name = one if isinstance(one, str) else str(one).lower()
            counted[name] = counted.get(name, 0) + count
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ValueFacet(dict(ordered[:MAX_VALUES]))


def _most_frequent(column: Column, counts: Rows, places: Rows) -> tuple[Rows, Rows]:
    """The counts and places of the single values that come first: of those as frequent as the last one, by value."""
    last = np.partition(counts, -MAX_VALUES)[-MAX_VALUES]
    more, same = places[counts > last], places[counts == last]
    chosen = nsmallest(MAX_VALUES - len(more), same.tolist(), key=lambda place: str(column.values[place]))
    places = np.concatenate([more, np.array(chosen, dtype=np.intp)])
    return np.concatenate([counts[counts > last], np.full(len(chosen), last)]), places


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
    if column is None:
        return RangeFacet(None, None, ())
    counts, places = _counts(column, rows)
    if not len(places):
        return RangeFacet(None, None, ())
    moments = column.distinct.moments()[places]
    least, greatest = (moments[place].decode() for place in (moments.argmin(), moments.argmax()))
    edges = moment_edges(least, greatest)
    buckets = np.searchsorted(np.array(edges, dtype=moments.dtype), moments, side="right") - 1
    counted = np.bincount(buckets, weights=counts, minlength=len(edges) - 1)
    return RangeFacet(least, greatest, _trimmed(edges, counted.astype(int).tolist()))


def _counts(column: Column, rows: Rows) -> tuple[Rows, Rows]:
    """How many rows hold each distinct value that any of them holds, numbers aside, and the places of the values."""
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0])
    places = np.flatnonzero(counts)
    return counts[places], places


def _trimmed(edges: Sequence[float | str], counts: Sequence[int]) -> Sequence[Bucket]:
    """The buckets without empty ones at either end."""
    ends = [*edges[1:], None]
    full = [Bucket(gte, lt, count) for gte, lt, count in zip(edges, ends, counts, strict=False)]
    filled = [place for place, bucket in enumerate(full) if bucket.count]
    return full[filled[0] : filled[-1] + 1]
