"""What a filter is rendered to is read back: the same shape, the same values, and no text outside its quotes."""

import json
import os
import random
from typing import Any

import pytest

from app.adapters.milvus.expression import Paths, literal, render
from app.adapters.milvus.layouts import LiteLayout, ServerLayout
from app.domain.filters import All, AnyOf, Exists, Filter, Not, OneOf, Range, parse_filter
from app.domain.products import AttributeType
from tests.filtering import HOSTILE, SCHEMA, deep_and_wide, drawn_filter
from tests.milvus_expressions import Tree, joined, read_expression

TREES = int(os.environ.get("VITRINE_TEST_TREES", "20000"))
LAYOUTS: tuple[Paths, ...] = (ServerLayout(), LiteLayout())
SIGNS = {"gt": (">", "<="), "gte": (">=", "<"), "lt": ("<", ">="), "lte": ("<=", ">")}
WORDS = {"and", "or", "not", "exists", "contains", "==", "!=", "<", "<=", ">", ">=", True, False}
MOST_LEVELS = 99  # a Milvus 2.3 server reads no more


def shape(where: Filter, holds: bool = True) -> Tree:
    """What the expression that the filter holds, or that it does not, has to be read as."""
    match where:
        case Not(term):
            return shape(term, not holds)
        case All(terms) | AnyOf(terms):
            return combined("and" if isinstance(where, All) is holds else "or", [shape(one, holds) for one in terms])
        case Exists(name):
            return ("exists", name) if holds else ("not", ("exists", name))
        case OneOf(name, AttributeType.KEYWORDS, values):
            tests: list[Tree] = [("contains", name, value) for value in values]
            return combined("or", tests) if holds else combined("and", [("not", one) for one in tests])
        case OneOf(name, _, values):
            tests = [("==" if holds else "!=", name, value) for value in values]
        case Range(name, _, bounds):
            tests = [(SIGNS[bound][not holds], name, value) for bound, value in bounds]
    together = combined("or" if isinstance(where, OneOf) is holds else "and", tests)
    return together if holds else combined("or", [("not", ("exists", name)), together])


def combined(operator: str, trees: list[Tree]) -> Tree:
    """The same as `joined`, of trees that may say no more than (True,) or (False,)."""
    decides = (operator == "or",)
    if decides in trees:
        return decides
    left = [tree for tree in trees if len(tree) > 1]
    return joined(operator, left) if left else (not decides[0],)


def read(where: Filter, paths: Paths) -> Tree:
    rendered = render(where, paths)
    return (rendered,) if isinstance(rendered, bool) else read_expression(rendered)


def test_any_filter_is_read_back_as_what_it_was() -> None:
    """`VITRINE_TEST_TREES=100000` makes this many of them."""
    draw = random.Random(2026)
    seen: set[Any] = set()
    for number in range(TREES):
        asked = drawn_filter(draw, draw.randint(0, 5))
        where = parse_filter(asked, SCHEMA)
        tree = repr(read(where, LAYOUTS[number % 2]))  # for to Python 0.0 is -0.0, and 1.0 is True
        assert tree == repr(shape(where)), json.dumps(asked)
        seen |= {word for word in WORDS - seen if f"({word!r}," in tree}
    assert seen == WORDS


@pytest.mark.parametrize("text", [HOSTILE, '"', "\\", '\\"', "\\\\", "\n", "\r", "\t", "\\n", "\x7f", "漢", "] or ["])
@pytest.mark.parametrize("paths", LAYOUTS)
def test_no_text_leaves_its_quotes(paths: Paths, text: str) -> None:
    for name in ("colour", "sizes", "care"):
        where = parse_filter({name: text}, SCHEMA)
        assert read(where, paths) == shape(where)


def test_the_reader_refuses_what_a_text_that_left_its_quotes_would_make() -> None:
    place = 'attributes["colour"]'
    assert read_expression(f"{place} == {literal(HOSTILE)}") == ("==", "colour", HOSTILE)
    for broken in (f'{place} == "{HOSTILE}"', f'{place} == "a"b"', f'{place} == "a\n"', f'{place} == "\\x"', "("):
        with pytest.raises(ValueError, match=r"token|expected|comparison|field"):
            read_expression(broken)


@pytest.mark.parametrize("paths", LAYOUTS)
@pytest.mark.parametrize(("keys", "items"), [(1, 12), (3, 11), (7, 9), (9, 8), (9, 1)])
@pytest.mark.parametrize("around", [lambda asked: asked, lambda asked: {"not": asked}])
def test_no_filter_is_rendered_deeper_than_a_server_reads(paths: Paths, keys: int, items: int, around: Any) -> None:
    where = parse_filter(around(deep_and_wide(keys, items, levels=19)), SCHEMA)
    assert depth(str(render(where, paths))) <= MOST_LEVELS


def depth(expression: str) -> int:
    """How deep the parentheses are nested; there are none in texts."""
    now = deepest = 0
    for character in expression:
        now += (character == "(") - (character == ")")
        deepest = max(deepest, now)
    return deepest
