"""The conditions of a filter that decide: what is told of them is what the filter does."""

import json
from collections.abc import Iterator, Mapping
from itertools import count, product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.deciding import MAX_CONDITIONS, MAX_TOLD, Comparison, Joined, deciding, read_conditions
from app.domain.filters import MAX_DEPTH, MAX_TERMS, parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeType
from tests.factories import SCHEMA

PRODUCT = {"colour": "blue", "price": 60, "in_stock": True, "sizes": ["S", "M"]}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({}, {}),
        ({"colour": "red"}, {"filter.colour": "colour is blue, asked: red"}),
        ({"colour": "blue"}, {"filter.colour": "colour is blue, asked: blue"}),
        ({"colour": "red", "price": {"lt": 99}}, {"filter.colour": "colour is blue, asked: red"}),
        ({"price": {"gte": 10, "lt": 50}}, {"filter.price.lt": "price is 60, asked: below 50"}),
        ({"care": "wool"}, {"filter.care": "there is no care, asked: wool"}),
        ({"care": {"exists": True}}, {"filter.care.exists": "there is no care, asked: any value"}),
        ({"colour": {"exists": False}}, {"filter.colour.exists": "colour is blue, asked: no value"}),
        ({"colour": {"prefix": "re"}}, {"filter.colour.prefix": "colour is blue, asked: beginning with re"}),
        ({"sizes": {"in": ["L", "XL"]}}, {"filter.sizes.in": "sizes is S, M, asked: one of L, XL"}),
        ({"colour": {"in": []}}, {"filter.colour.in": "colour is blue, asked: one of nothing"}),
        ({"in_stock": False}, {"filter.in_stock": "in_stock is true, asked: false"}),
        ({"not": {"colour": "blue"}}, {"filter.not.colour": "colour is blue, asked: not blue"}),
        ({"not": {"not": {"colour": "red"}}}, {"filter.not.not.colour": "colour is blue, asked: red"}),
        (
            {"not": {"colour": "blue", "price": 1}},
            {"filter.not.price": "price is 60, asked: not 1, or another of filter.not"},
        ),
        (
            {"any": [{"colour": "red"}, {"price": {"gt": 70}, "in_stock": True}]},
            {
                "filter.any[0].colour": "colour is blue, asked: red, or another of filter.any",
                "filter.any[1].price.gt": "price is 60, asked: above 70, or another of filter.any",
            },
        ),
        (
            {"any": [{"colour": "red"}, {"price": {"gt": 50}, "in_stock": True}]},
            {
                "filter.any[1].price.gt": "price is 60, asked: above 50, or another of filter.any",
                "filter.any[1].in_stock": "in_stock is true, asked: true, or another of filter.any",
            },
        ),
        ({"any": [{"colour": "red"}]}, {"filter.any[0].colour": "colour is blue, asked: red"}),
        (
            {"not": {"any": [{"colour": "blue"}, {"price": 60}]}},
            {
                "filter.not.any[0].colour": "colour is blue, asked: not blue",
                "filter.not.any[1].price": "price is 60, asked: not 60",
            },
        ),
        ({"any": []}, {"filter.any": "filter.any never holds"}),
        ({"any": [{}]}, {"filter.any": "filter.any always holds"}),
        ({"not": {}}, {"filter.not": "filter.not never holds"}),
    ],
)
def test_what_decides_is_told_with_its_place_and_the_products_own_value(
    where: Mapping[str, Any], told: dict[str, str]
) -> None:
    assert {one.place: one.detail for one in deciding(read_conditions(where, SCHEMA), PRODUCT)} == told


@pytest.mark.parametrize(
    "where",
    [
        {"colour": "red", "price": {"gte": 10, "lt": 50}, "not": {"in_stock": True}},
        {"any": [{"colour": "red"}, {"not": {"sizes": "M"}}], "price": 60},
    ],
)
def test_each_condition_is_a_filter_by_itself_that_the_product_fails_or_is_denied(where: Mapping[str, Any]) -> None:
    found = deciding(read_conditions(where, SCHEMA), PRODUCT)
    assert len(found) >= 2
    for one in found:
        assert one.stated is not None
        assert passes(parse_filter(one.stated, SCHEMA), PRODUCT) is (".not" in one.place)
        assert list(one.stated) == [name for name in PRODUCT if name in one.stated]
        assert one.value == PRODUCT[next(iter(one.stated))]


class Counted(dict[str, Any]):
    """Attributes that count how often they are looked at."""

    looks = 0

    def __contains__(self, name: object) -> bool:
        self.looks += 1
        return super().__contains__(name)


def test_each_condition_is_decided_once_however_deep_it_stands() -> None:
    where: dict[str, Any] = {"any": [{"price": number} for number in range(200)]}
    for _ in range(MAX_DEPTH - 1):
        where = {"not": where}
    product = Counted(PRODUCT)
    deciding(read_conditions(where, SCHEMA), product)
    assert product.looks == 200


def test_what_is_too_long_to_be_told_is_cut_or_left_out() -> None:
    many = [f"colour {number}" for number in range(MAX_TERMS - 10)]
    product = {**PRODUCT, "sizes": ["X" * 100] * 100}
    (one,) = deciding(read_conditions({"colour": {"in": many}}, SCHEMA), product)
    assert (one.place, one.stated, one.value) == ("filter.colour.in", None, "blue")
    assert one.detail.startswith("colour is blue, asked: one of colour 0, colour 1, ")
    (two,) = deciding(read_conditions({"sizes": "L"}, SCHEMA), product)
    assert (two.place, two.stated, two.value) == ("filter.sizes", {"sizes": "L"}, None)
    assert two.detail.startswith("sizes is XXX")
    assert two.detail.endswith("…, asked: L")
    assert one.detail.endswith("…")
    assert all(len(told.detail) < MAX_TOLD + 40 for told in (one, two))
    (short,) = deciding(read_conditions({"colour": {"in": many[:3]}}, SCHEMA), product)
    assert short.stated == {"colour": {"in": many[:3]}}


def test_of_many_conditions_the_first_are_told_and_how_many_there_are_more() -> None:
    where = {"not": {"any": [{"price": number} for number in range(100, 100 + 2 * MAX_CONDITIONS)]}}
    told = deciding(read_conditions(where, SCHEMA), PRODUCT)
    assert [one.place for one in told[:2]] == ["filter.not.any[0].price", "filter.not.any[1].price"]
    assert (len(told), told[-1].place) == (MAX_CONDITIONS + 1, "filter")
    assert told[-1].detail == f"and {MAX_CONDITIONS} more conditions"
    assert len(json.dumps([one.detail for one in told])) < 100 * MAX_CONDITIONS


def trees(names: Iterator[int], depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Filters that ask for each of many attributes once."""
    leaf = st.builds(lambda: {f"a{next(names)}": True})
    if not depth:
        return leaf
    inner = trees(names, depth - 1)
    several = st.lists(leaf, min_size=1, max_size=2).map(lambda some: {k: v for one in some for k, v in one.items()})
    with_more = st.fixed_dictionaries({}, optional={"not": inner, "any": st.lists(inner, min_size=1, max_size=3)})
    return st.builds(lambda one, other: {**one, **other}, several, with_more)


@given(st.data())
def test_a_condition_is_told_as_one_of_several_where_the_filter_can_pass_without_it(data: st.DataObject) -> None:
    names = count()
    where = data.draw(trees(names))
    schema = {f"a{number}": AttributeType.BOOLEAN for number in range(next(names))}
    asked = [*_comparisons(read_conditions(where, schema))]
    assume(len(asked) <= 10)
    used = [one.attribute for one in asked]
    parsed = parse_filter(where, schema)
    passing = [
        dict(zip(used, values, strict=True))
        for values in product((True, False), repeat=len(used))
        if passes(parsed, dict(zip(used, values, strict=True)))
    ]
    for one in asked:
        kept_out = one.asked.startswith("not ")
        without = any(values[one.attribute] is kept_out for values in passing)
        assert (", or another of" in one.asked) is without, (where, one)


def _comparisons(read: Comparison | Joined) -> Iterator[Comparison]:
    if isinstance(read, Comparison):
        yield read
        return
    for term in read.terms:
        yield from _comparisons(term)
