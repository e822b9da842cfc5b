import math
from typing import Any

import pytest

from app.domain.errors import Invalid
from app.domain.filters import All, AnyOf, Exists, Not, OneOf, Range, parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeType

NUMBER, KEYWORD, KEYWORDS = AttributeType.NUMBER, AttributeType.KEYWORD, AttributeType.KEYWORDS
BOOLEAN, DATETIME, TEXT = AttributeType.BOOLEAN, AttributeType.DATETIME, AttributeType.TEXT
SCHEMA = {
    "price": NUMBER,
    "colour": KEYWORD,
    "sizes": KEYWORDS,
    "in_stock": BOOLEAN,
    "released": DATETIME,
    "care": TEXT,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, All(())),
        ({"colour": "red"}, OneOf("colour", KEYWORD, ("red",))),
        ({"price": 3}, OneOf("price", NUMBER, (3.0,))),
        ({"sizes": "M"}, OneOf("sizes", KEYWORDS, ("M",))),
        ({"in_stock": True}, OneOf("in_stock", BOOLEAN, (True,))),
        ({"colour": {"in": ["a", "b", "a"]}}, OneOf("colour", KEYWORD, ("a", "b"))),
        ({"colour": {"in": []}}, OneOf("colour", KEYWORD, ())),
        ({"price": {"gte": 10, "lt": 50}}, Range("price", NUMBER, (("gte", 10.0), ("lt", 50.0)))),
        ({"price": {"gt": 5, "lt": 5}}, Range("price", NUMBER, (("gt", 5.0), ("lt", 5.0)))),
        ({"released": {"gt": "2020-01-01"}}, Range("released", DATETIME, (("gt", "2020-01-01T00:00:00.000000Z"),))),
        ({"care": {"exists": True}}, Exists("care")),
        ({"care": {"exists": False}}, Not(Exists("care"))),
        ({"colour": {"prefix": "ab"}}, Range("colour", KEYWORD, (("gte", "ab"), ("lt", "ac")))),
        ({"colour": {"prefix": ""}}, Range("colour", KEYWORD, (("gte", ""),))),
        ({"not": {"colour": "red"}}, Not(OneOf("colour", KEYWORD, ("red",)))),
        ({"any": []}, AnyOf(())),
        ({"any": [{}, {"price": 1}]}, AnyOf((All(()), OneOf("price", NUMBER, (1.0,))))),
        ({"price": 1, "care": "x"}, All((OneOf("price", NUMBER, (1.0,)), OneOf("care", TEXT, ("x",))))),
        ({"price": {"gt": 1, "exists": True}}, All((Range("price", NUMBER, (("gt", 1.0),)), Exists("price")))),
    ],
)
def test_json_becomes_the_tree_it_says(given: dict[str, Any], expected: Any) -> None:
    assert parse_filter(given, SCHEMA) == expected


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"size": "M"}, "unknown_attribute", "filter.size"),
        ({"x" * 9_999: 1}, "unknown_attribute", "filter." + "x" * 64),
        ({"price": "3"}, "attribute_type", "filter.price"),
        ({"price": True}, "attribute_type", "filter.price"),
        ({"price": None}, "attribute_type", "filter.price"),
        ({"price": 2**63}, "attribute_type", "filter.price"),
        ({"price": 10**400}, "attribute_type", "filter.price"),
        ({"price": [1]}, "attribute_type", "filter.price"),
        ({"sizes": ["M"]}, "attribute_type", "filter.sizes"),
        ({"in_stock": "true"}, "attribute_type", "filter.in_stock"),
        ({"released": {"gt": "soon"}}, "attribute_type", "filter.released.gt"),
        ({"colour": {"in": ["a", 3]}}, "attribute_type", "filter.colour.in[1]"),
        ({"colour": "a\0"}, "bad_text", "filter.colour"),
        ({"colour": "\ud800"}, "bad_text", "filter.colour"),
        ({"colour": "é" * 513}, "too_long", "filter.colour"),
        ({"price": math.nan}, "bad_filter", "filter.price"),
        ({"price": {"lt": math.inf}}, "bad_filter", "filter.price.lt"),
        ({"price": {}}, "bad_filter", "filter.price"),
        ({"price": {"ne": 3}}, "bad_filter", "filter.price.ne"),
        ({"price": {"gt": 3, "gte": 3}}, "bad_filter", "filter.price"),
        ({"price": {"gt": 3, "lt": 2}}, "bad_filter", "filter.price"),
        ({"colour": {"gt": "a"}}, "bad_filter", "filter.colour"),
        ({"colour": {"in": "a"}}, "bad_filter", "filter.colour.in"),
        ({"colour": {"prefix": 3}}, "bad_filter", "filter.colour.prefix"),
        ({"sizes": {"prefix": "M"}}, "bad_filter", "filter.sizes.prefix"),
        ({"care": {"exists": 1}}, "bad_filter", "filter.care.exists"),
        ({"not": [1]}, "bad_filter", "filter.not"),
        ({"any": {"price": 1}}, "bad_filter", "filter.any"),
        ({"any": [{"price": 1}, 3]}, "bad_filter", "filter.any[1]"),
        ({"colour": {"in": ["a"] * 501}}, "bad_filter", "filter"),
        ({"any": [{"price": 1}] * 3_000}, "bad_filter", "filter"),
        ({"any": [{}] * 3_000}, "bad_filter", "filter"),
        ([], "bad_filter", "filter"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_place(given: Any, code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_filter(given, SCHEMA)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("levels", [21, 5_000])
@pytest.mark.parametrize("wrap", [lambda inner: {"not": inner}, lambda inner: {"any": [inner]}])
def test_a_filter_that_is_too_deep_is_refused(levels: int, wrap: Any) -> None:
    given: dict[str, Any] = {"price": 1}
    for _ in range(levels):
        given = wrap(given)
    with pytest.raises(Invalid, match="levels") as refused:
        parse_filter(given, SCHEMA)
    assert refused.value.code == "bad_filter"


def test_twenty_levels_and_five_hundred_terms_are_accepted() -> None:
    given: dict[str, Any] = {"colour": {"in": [str(i) for i in range(479)]}}
    for _ in range(20):
        given = {"any": [given]}
    assert not passes(parse_filter(given, SCHEMA), {"colour": "red"})


def test_a_comparison_never_holds_without_the_attribute_and_its_negation_always_does() -> None:
    for given in ({"colour": "red"}, {"price": {"lt": 5}}, {"sizes": "M"}, {"colour": {"prefix": ""}}):
        assert not passes(parse_filter(given, SCHEMA), {})
        assert passes(parse_filter({"not": given}, SCHEMA), {})


@pytest.mark.parametrize("prefix", ["a", "\ud7ff", "\U0010ffff", "a\U0010ffff", "é", "漢"])
def test_a_prefix_selects_what_begins_with_it_and_nothing_else(prefix: str) -> None:
    where = parse_filter({"colour": {"prefix": prefix}}, SCHEMA)
    for text in (
        "",
        "a",
        "ab",
        "b",
        "\ud7ff",
        "\ue000",
        "\U0010ffff",
        "a\U0010ffff",
        "a\U0010ffffz",
        "é",
        "漢字",
        "e",
    ):
        assert passes(where, {"colour": text}) is text.startswith(prefix)
