"""The conditions of a filter that decide: what is told of them is what the filter does."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.deciding import deciding
from app.domain.filters import parse_filter
from app.domain.passing import passes
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
        ({"not": {"colour": "blue", "price": 1}}, {"filter.not.price": "price is 60, asked: not 1"}),
        (
            {"any": [{"colour": "red"}, {"price": {"gt": 70}, "in_stock": True}]},
            {
                "filter.any[0].colour": "colour is blue, asked: red",
                "filter.any[1].price.gt": "price is 60, asked: above 70",
            },
        ),
        (
            {"any": [{"colour": "red"}, {"price": {"gt": 50}, "in_stock": True}]},
            {
                "filter.any[1].price.gt": "price is 60, asked: above 50",
                "filter.any[1].in_stock": "in_stock is true, asked: true",
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
    assert {one.place: one.detail for one in deciding(where, SCHEMA, PRODUCT)} == told


@pytest.mark.parametrize(
    "where",
    [
        {"colour": "red", "price": {"gte": 10, "lt": 50}, "not": {"in_stock": True}},
        {"any": [{"colour": "red"}, {"not": {"sizes": "M"}}], "price": 60},
    ],
)
def test_each_condition_is_a_filter_by_itself_that_the_product_fails_or_is_denied(where: Mapping[str, Any]) -> None:
    found = deciding(where, SCHEMA, PRODUCT)
    assert len(found) >= 2
    for one in found:
        assert passes(parse_filter(one.stated, SCHEMA), PRODUCT) is (".not" in one.place)
        assert list(one.stated) == [name for name in PRODUCT if name in one.stated]
        assert one.value == PRODUCT[next(iter(one.stated))]
