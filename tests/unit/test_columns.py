"""Columns of attributes and facets over them; what they select is held against other renderings in tests/contract."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.columns import Columns, Held
from app.domain.errors import Invalid
from app.domain.facets import MAX_FACETS, MAX_VALUES, RangeFacet, ValueFacet, check_facets, facet
from app.domain.filters import parse_filter
from app.domain.histogram import MOST, moment_edges, number_edges
from app.domain.products import AttributeType, check_attributes

SCHEMA = {
    "colour": AttributeType.KEYWORD,
    "sizes": AttributeType.KEYWORDS,
    "price": AttributeType.NUMBER,
    "in_stock": AttributeType.BOOLEAN,
    "released": AttributeType.DATETIME,
    "care": AttributeType.TEXT,
}
INT64 = 2**63 - 1024
MOMENTS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999_999))
ATTRIBUTES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "colour": st.sampled_from(["red", "blue", "", "é", "true"]),
        "sizes": st.lists(st.sampled_from("SMLX"), min_size=1, max_size=5),
        "price": st.integers(-INT64, INT64) | st.floats(-INT64, INT64) | st.integers(0, 30),
        "in_stock": st.booleans(),
        "released": MOMENTS.map(lambda moment: moment.isoformat()),
    },
)


def columns_of(*products: Mapping[str, Any] | None) -> Columns:
    columns = Columns()
    columns.put(Held(str(place), 1, held) for place, held in enumerate(products))
    return columns


def counted(columns: Columns, name: str, where: Mapping[str, Any] | None = None) -> Any:
    mask = columns.passing(None if where is None else parse_filter(where, SCHEMA))
    return facet(columns.copies([name]).get(name), np.flatnonzero(mask), SCHEMA[name])


@given(st.lists(ATTRIBUTES | st.none(), max_size=30))
def test_choosing_any_value_of_a_facet_selects_as_many_as_it_says(given: list[dict[str, Any] | None]) -> None:
    stated = [None if one is None else check_attributes(one, SCHEMA) for one in given]
    columns = columns_of(*stated)
    for name, declared in SCHEMA.items():
        found = counted(columns, name) if declared is not AttributeType.TEXT else ValueFacet({})
        if isinstance(found, ValueFacet):
            chosen = {value: value == "true" if name == "in_stock" else value for value in found.counts}
            clicks = [({name: chosen[value]}, count) for value, count in found.counts.items()]
        else:
            bounds = [{"gte": one.gte} | ({} if one.lt is None else {"lt": one.lt}) for one in found.buckets]
            clicks = [({name: bound}, one.count) for bound, one in zip(bounds, found.buckets, strict=True)]
            held = sum(one is not None and name in one for one in stated)
            assert sum(one.count for one in found.buckets) == held
            if held:
                assert counted(columns, name, {name: {"gte": found.min, "lte": found.max}}) == found
        for where, count in clicks:
            assert columns.passing(parse_filter(where, SCHEMA)).sum() == count > 0 or isinstance(found, RangeFacet)
            assert columns.passing(parse_filter(where, SCHEMA)).sum() == count


def test_the_most_frequent_values_come_first_and_many_are_cut() -> None:
    held = [{"colour": f"c{place % 300:03}"} for place in range(900)] + [{"colour": "c299"}, {}, {"colour": "c298"}]
    found = counted(columns_of(*held), "colour")
    assert len(found.counts) == MAX_VALUES
    assert list(found.counts.items())[:3] == [("c298", 4), ("c299", 4), ("c000", 3)]


def test_a_value_that_a_product_has_twice_counts_once() -> None:
    found = counted(columns_of({"sizes": ["M", "M", "L"]}, {"sizes": ["M"]}, {}), "sizes")
    assert found == ValueFacet({"M": 2, "L": 1})


def test_without_values_a_facet_is_empty() -> None:
    assert counted(columns_of({}, None), "colour") == ValueFacet({})
    assert counted(columns_of({}, None), "price") == RangeFacet(None, None, ())
    columns = columns_of({"released": "2020-01-01T00:00:00.000000Z"}, {})
    assert counted(columns, "released", {"price": 1}) == RangeFacet(None, None, ())


@pytest.mark.parametrize(
    ("names", "code"),
    [(["none"], "unknown_attribute"), (["care"], "bad_facet"), (["colour"] * (MAX_FACETS + 1), "bad_facet")],
)
def test_what_cannot_be_counted_is_refused(names: list[str], code: str) -> None:
    with pytest.raises(Invalid) as raised:
        check_facets(names, SCHEMA)
    assert (raised.value.code, raised.value.field) == (code, "facets")


@given(st.tuples(*[st.floats(-INT64, INT64) | st.integers(-INT64, INT64)] * 2).map(sorted))
def test_edges_of_numbers_hold_them_all_and_can_be_asked_for(ends: list[float]) -> None:
    least, greatest = map(float, ends)
    edges = number_edges(least, greatest)
    assert edges == sorted(set(edges))
    assert edges[0] <= least
    assert edges[-1] > greatest or edges[-1] >= INT64 - 2e18
    assert len(edges) <= MOST + 1
    for edge in edges:
        parse_filter({"price": edge}, SCHEMA)


@given(st.tuples(MOMENTS, MOMENTS | st.timedeltas(timedelta(), timedelta(days=400))))
def test_edges_of_moments_hold_them_all_and_can_be_asked_for(drawn: tuple[datetime, datetime | timedelta]) -> None:
    one, other = drawn
    if isinstance(other, timedelta):
        other = one + min(other, datetime.max - one)
    least, greatest = (moment.isoformat(timespec="microseconds") + "Z" for moment in sorted((one, other)))
    edges = moment_edges(least, greatest)
    assert edges == sorted(set(edges))
    assert edges[0] <= least
    assert edges[-1] > greatest or greatest >= "9000"
    assert len(edges) <= MOST + 1
    for edge in edges:
        assert check_attributes({"released": edge}, SCHEMA) == {"released": edge}


def test_the_newer_version_stays_whichever_comes_first() -> None:
    columns = columns_of({"colour": "red", "price": 1})
    columns.put([Held("0", 3, {"colour": "blue"}), Held("0", 2, {"colour": "green"})])
    assert counted(columns, "colour").counts == {"blue": 1}
    assert counted(columns, "price").min is None
    columns.put([Held("0", 5, None), Held("0", 4, {"colour": "green"})])
    assert not columns.passing(None).any()


def test_pages_are_by_id_and_know_what_came_late() -> None:
    columns, ids = Columns(), [f"{place:04}" for place in range(3_000)]
    random.Random(0).shuffle(ids)
    columns.put(Held(one, 1, {"price": int(one) % 7}) for one in ids[:2_000])
    odd = parse_filter({"price": 3}, SCHEMA)
    before = columns.passing(odd)
    assert columns.page(before, "", 10_000) == sorted(one for one in ids[:2_000] if int(one) % 7 == 3)
    columns.put(Held(one, 1, {"price": int(one) % 7}) for one in ids[2_000:])
    assert columns.page(columns.passing(odd), "0999", 2) == ["1004", "1011"]
    assert columns.page(before, "", 10_000) == sorted(one for one in ids[:2_000] if int(one) % 7 == 3)


def test_columns_that_hold_mostly_what_is_gone_are_told() -> None:
    columns = columns_of(*({"colour": f"c{place}"} for place in range(2_000)))
    assert not columns.wasteful
    columns.put(Held(str(place), 2, None) for place in range(1_900))
    assert columns.wasteful
    changing = columns_of({})
    for version in range(1, 1_030):
        changing.put([Held("0", version, {"colour": f"c{version}"})])
    assert changing.wasteful
    assert counted(changing, "colour").counts == {"c1029": 1}


HELD = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.booleans()), unique_by=lambda one: one[:2], max_size=12
)


@given(HELD, st.randoms(use_true_random=False))
def test_equal_versions_have_an_equal_digest_in_whatever_order_they_came(
    given: list[tuple[str, int, bool]], drawn: random.Random
) -> None:
    held = [Held(name, version, {} if alive else None) for name, version, alive in given]
    newest = {one.product_id: one for one in sorted(held, key=lambda one: one.version)}
    at_once, one_by_one = Columns(), Columns()
    at_once.put(newest.values())
    for one in drawn.sample(held * 2, 2 * len(held)):
        one_by_one.put([one])
    assert one_by_one.digest == at_once.digest


def test_no_digest_comes_again() -> None:
    columns, seen = Columns(), {0}
    for version in range(1, 6):
        for name in ("p", "q"):
            columns.put([Held(name, version, None if version % 2 else {})])
            assert columns.digest not in seen
            seen.add(columns.digest)
