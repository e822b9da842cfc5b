"""Types that nobody declared, and text read as what was declared."""

from typing import Any

import pytest

from app.domain.errors import Invalid
from app.domain.inference import Inference, NearMiss, coerce, infer_schema
from app.domain.products import AttributeType, check_attributes

CASES = [
    (["12.5", "7", "-3", "1e3"], "number"),
    (["2011", "2012"], "number"),
    ([1, 2.5], "number"),
    ([1, "2"], "number"),
    (["0"], "number"),
    (["0.5"], "number"),
    (["007", "100"], "keyword"),
    (["12345678901234567890"], "keyword"),
    (["1e400"], "keyword"),
    (["nan", "inf"], "keyword"),
    (["1,299.00"], "keyword"),
    (["true", "False"], "boolean"),
    (["yes", "NO"], "boolean"),
    ([True, False], "boolean"),
    (["yes", "maybe"], "keyword"),
    ([True, 1], "keyword"),
    (["2024-05-01", "2024-05-01T10:00:00Z"], "datetime"),
    (["2024-05-01", "spring"], "keyword"),
    (['["S", "M"]', "[]"], "keyword[]"),
    ([["S", "M"], []], "keyword[]"),
    (['["S", "M"]', "L"], "keyword"),
    (["[not JSON"], "keyword"),
    (["Red", "Blue"], "keyword"),
    (["a long description " * 8, "short"], "keyword"),
    (["a long description " * 8] * 2, "text"),
    (["x"] * 999 + ["y" * 1_025], "text"),
    ([{"nested": 1}], "keyword"),
]


@pytest.mark.parametrize(("values", "expected"), CASES, ids=lambda value: str(value)[:30])
def test_an_attribute_gets_the_narrowest_type_that_all_its_values_have(values: list[Any], expected: str) -> None:
    assert infer_schema({"a": value} for value in values) == {"a": AttributeType(expected)}


def test_attributes_come_in_order_of_appearance_and_absent_ones_not_at_all() -> None:
    rows = [{"price": "1"}, {}, {"price": "2", "colour": "Red"}]
    assert list(infer_schema(rows)) == ["price", "colour"]
    assert infer_schema([]) == {}


@pytest.mark.parametrize(
    ("value", "declared", "read"),
    [
        ("12.5", "number", 12.5),
        (" 12 ", "number", 12),
        ("007", "number", 7),
        ("yes", "boolean", True),
        ("False", "boolean", False),
        ('["S", "M"]', "keyword[]", ["S", "M"]),
        ("S | M", "keyword[]", ["S", "M"]),
        (" S || M | ", "keyword[]", ["S", "M"]),
        ([36, 37.5], "keyword[]", ["36", "37.5"]),
        (2011, "keyword", "2011"),
        (True, "keyword", "true"),
        ("2011", "keyword", "2011"),
        (" 2024-05-01 ", "datetime", "2024-05-01T00:00:00.000000Z"),
    ],
)
def test_text_is_read_as_what_was_declared(value: Any, declared: str, read: Any) -> None:
    schema = {"a": AttributeType(declared)}
    checked = check_attributes(coerce({"a": value}, schema), schema)["a"]
    assert checked == read
    assert type(checked) is type(read)


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ("cheap", "number"),
        ("nan", "number"),
        ("1e400", "number"),
        ("9" * 5_000, "number"),
        ("1_000", "number"),
        (True, "number"),
        (float("nan"), "number"),
        ("maybe", "boolean"),
        (1, "boolean"),
        ("spring", "datetime"),
        (20240501, "datetime"),
        ({"a": 1}, "keyword"),
        ([["nested"]], "keyword[]"),
        (7, "keyword[]"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_that_cannot_be_read_as_declared_is_refused_by_name(value: Any, declared: str) -> None:
    schema = {"a": AttributeType(declared)}
    with pytest.raises(Invalid) as caught:
        check_attributes(coerce({"a": value}, schema), schema)
    assert (caught.value.code, caught.value.field) == ("attribute_type", "attributes.a")


def test_every_value_can_be_read_as_the_type_inferred_from_it() -> None:
    for values, _ in CASES[:-1]:
        schema = infer_schema({"a": value} for value in values)
        for value in values:
            check_attributes(coerce({"a": value}, schema), schema)


def near_misses(*values: Any) -> list[NearMiss]:
    inference = Inference()
    for line, value in enumerate(values, start=2):
        inference.observe({} if value is None else {"a": value}, line)
    return inference.near_misses()


@pytest.mark.parametrize(
    ("usual", "slip", "almost"),
    [
        ("9.5", "n/a", AttributeType.NUMBER),
        ("yes", "maybe", AttributeType.BOOLEAN),
        ("2024-05-01", "soon", AttributeType.DATETIME),
        (9.5, "on request", AttributeType.NUMBER),
    ],
)
def test_a_few_slips_among_values_of_one_type_are_told_with_the_first_of_them(
    usual: Any, slip: str, almost: AttributeType
) -> None:
    values = [*[usual] * 10, None, slip, *[usual] * 10, "again"]
    assert near_misses(*values) == [NearMiss("a", AttributeType.KEYWORD, almost, 22, 2, 13, slip)]


def test_fewer_slips_than_others_are_told_and_more_are_what_the_column_holds() -> None:
    assert near_misses("1", "2", "1,000.00", "n/a", "3")
    assert near_misses("1", "2", "n/a", "soon") == []


def test_no_slip_is_told_where_every_value_has_one_type() -> None:
    assert near_misses(*["1"] * 20) == near_misses(*["red"] * 20) == near_misses(*["20240501"] * 19, "1") == []
