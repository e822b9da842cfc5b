"""Renders a filter to a Milvus boolean expression.

Negation is pushed down to the comparisons and a missing attribute is asked for with `exists`: a comparison with a
missing key is unknown to milvus-lite, and `!=` with one is true to Milvus 2.3. Neither has filter templates: values
are written as literals, here and nowhere else.
"""

from collections.abc import Sequence
from typing import Protocol

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
    return _Renderer(paths).render(where, holds=True)


class _Renderer:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def render(self, where: Filter, *, holds: bool) -> str | bool:
        """The expression that the filter holds, or that it does not."""
        match where:
            case Not(term):
                return self.render(term, holds=not holds)
            case All(terms) | AnyOf(terms):
                operator = "and" if isinstance(where, All) is holds else "or"
                return _join(operator, [self.render(term, holds=holds) for term in terms])
            case _:
                return self._comparison(where, holds=holds)

    def _comparison(self, where: OneOf | Range | Exists, *, holds: bool) -> str | bool:
        match where:
            case OneOf(attribute, AttributeType.KEYWORDS, values):
                tests = [self._paths.contains(attribute, str(value)) for value in values]
                return _join("or", tests) if holds else _join("and", [f"(not {test})" for test in tests])
            case OneOf(attribute, _, values):
                return self._compared(attribute, [("==", "!=", value) for value in values], any_of=True, holds=holds)
            case Range(attribute, _, bounds):
                signed = [(*_SIGNS[bound], value) for bound, value in bounds]
                return self._compared(attribute, signed, any_of=False, holds=holds)
            case Exists(attribute):
                return self._exists(attribute) if holds else f"(not {self._exists(attribute)})"

    def _compared(
        self, attribute: str, tests: list[tuple[str, str, Operand]], *, any_of: bool, holds: bool
    ) -> str | bool:
        """Comparisons of one attribute: each a sign, the sign of its complement, and the value."""
        path = self._paths.value(attribute)
        if holds:
            return _join("or" if any_of else "and", [f"{path} {sign} {literal(value)}" for sign, _, value in tests])
        none = _join("and" if any_of else "or", [f"{path} {sign} {literal(value)}" for _, sign, value in tests])
        return _join("or", [f"(not {self._exists(attribute)})", none])

    def _exists(self, attribute: str) -> str:
        return f"(exists {self._paths.value(attribute)})"


def _join(operator: str, terms: Sequence[str | bool]) -> str | bool:
    """Join terms, dropping those that decide nothing; one that decides everything is the answer."""
    decisive = operator == "or"
    if any(term is decisive for term in terms):
        return decisive
    texts = [term for term in terms if isinstance(term, str)]
    return _balanced(operator, texts) if texts else not decisive


def _balanced(operator: str, terms: list[str]) -> str:
    """Join as a balanced tree: a chain of 500 is 500 levels deep to a server, which reads less than 100."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({_balanced(operator, terms[:middle])} {operator} {_balanced(operator, terms[middle:])})"
