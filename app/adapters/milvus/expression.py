"""Renders a filter to a Milvus boolean expression.

Negation is pushed down to the comparisons and a missing attribute is asked for with `exists`: a comparison with a
missing key is unknown to milvus-lite, and `!=` with one is true to Milvus 2.3. Neither has filter templates: values
are written as literals, here and nowhere else.
"""

import heapq
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from app.domain.filters import All, AnyOf, Bound, Exists, Filter, Not, OneOf, Operand, Range
from app.domain.products import AttributeType

_SIGNS: dict[Bound, tuple[str, str]] = {"gt": (">", "<="), "gte": (">=", "<"), "lt": ("<", ">="), "lte": ("<=", ">")}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Paths(Protocol):
    """How an expression names what a row stores of an attribute."""

    def value(self, attribute: str) -> str:
        """The place of an attribute's value."""
        ...

    def contains(self, attribute: str, value: str) -> str:
        """A test that a keyword[] holds a value, which is false where the attribute is missing."""
        ...


def literal(value: Operand) -> str:
    """A value as it stands in an expression. Text has no NUL: products and filters refuse it."""
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value))


def render(where: Filter, paths: Paths) -> str | bool:
    """The expression of a filter, or True where everything passes, or False where nothing does."""
    rendered = _Renderer(paths).render(where, holds=True)
    return rendered if isinstance(rendered, bool) else rendered.text


class _Expression(NamedTuple):
    """The text of an expression, and how deep its parentheses are nested."""

    depth: int
    text: str


class _Renderer:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def render(self, where: Filter, *, holds: bool) -> _Expression | bool:
        """The expression that the filter holds, or that it does not."""
        match where:
            case Not(term):
                return self.render(term, holds=not holds)
            case All(terms) | AnyOf(terms):
                operator = "and" if isinstance(where, All) is holds else "or"
                return _join(operator, [self.render(term, holds=holds) for term in terms])
            case _:
                return self._comparison(where, holds=holds)

    def _comparison(self, where: OneOf | Range | Exists, *, holds: bool) -> _Expression | bool:
        match where:
            case OneOf(attribute, AttributeType.KEYWORDS, values):
                tests = [_Expression(1, self._paths.contains(attribute, str(value))) for value in values]
                return _join("or", tests) if holds else _join("and", [_negated(test) for test in tests])
            case OneOf(attribute, _, values):
                return self._compared(attribute, [("==", "!=", value) for value in values], any_of=True, holds=holds)
            case Range(attribute, _, bounds):
                signed = [(*_SIGNS[bound], value) for bound, value in bounds]
                return self._compared(attribute, signed, any_of=False, holds=holds)
            case Exists(attribute):
                return self._exists(attribute) if holds else _negated(self._exists(attribute))

    def _compared(
        self, attribute: str, tests: list[tuple[str, str, Operand]], *, any_of: bool, holds: bool
    ) -> _Expression | bool:
        """Comparisons of one attribute: each a sign, the sign of its complement, and the value."""
        path = self._paths.value(attribute)
        signed = [(sign if holds else complement, value) for sign, complement, value in tests]
        compared = [_Expression(0, f"{path} {sign} {literal(value)}") for sign, value in signed]
        together = _join("or" if any_of is holds else "and", compared)
        return together if holds else _join("or", [_negated(self._exists(attribute)), together])

    def _exists(self, attribute: str) -> _Expression:
        return _Expression(1, f"(exists {self._paths.value(attribute)})")


def _negated(test: _Expression) -> _Expression:
    return _Expression(test.depth + 1, f"(not {test.text})")


def _join(operator: str, terms: Sequence[_Expression | bool]) -> _Expression | bool:
    """Join terms, dropping those that decide nothing; one that decides everything is the answer."""
    decisive = operator == "or"
    if any(term is decisive for term in terms):
        return decisive
    left = [term for term in terms if isinstance(term, _Expression)]
    return _flattest(operator, left) if left else not decisive


def _flattest(operator: str, terms: list[_Expression]) -> _Expression:
    """Join the two that are least deep, again and again: fewer than fifty levels, whatever the filter.

    A server reads less than a hundred. A chain of 500 would be 500 levels deep, and twenty levels of a filter, each
    joined as a balanced tree of its own, 120.
    """
    heapq.heapify(terms)
    while len(terms) > 1:
        one, other = heapq.heappop(terms), heapq.heappop(terms)
        joined = _Expression(max(one.depth, other.depth) + 1, f"({one.text} {operator} {other.text})")
        heapq.heappush(terms, joined)
    return terms[0]
