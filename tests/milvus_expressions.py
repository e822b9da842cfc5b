"""Reads Milvus expressions, by their grammar and not by our renderer: of it, what filters are rendered to.

    or:    and ("or" and)*
    and:   not ("and" not)*
    not:   "not" not | "exists" place | "json_contains" "(" place "," text ")" | place sign literal | "(" or ")"
    place: ("attributes" | "$meta") "[" text "]"

Anything else is an error, so that no text can be read as more than a text.
"""

import re
from typing import Any

Tree = tuple[Any, ...]
"""`("and" | "or", *trees)`, `("not", tree)`, `("exists", attribute)`, `("contains", attribute, text)`, and
`(sign, attribute, literal)` for a comparison."""

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\\r\n\0]|\\["\\nrt])*")'
    r"|(?P<number>-?[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?)"
    r"|(?P<word>or|and|not|exists|json_contains|attributes|\$meta|true|false)(?![A-Za-z0-9_])"
    r"|(?P<sign>==|!=|<=|>=|<|>|[()\[\],])"
    r"|(?P<space> )"
)
_ESCAPE = re.compile(r"\\(.)")
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}
_SIGNS = {"==", "!=", "<", "<=", ">", ">="}


def read_expression(text: str) -> Tree:
    """The tree of an expression, with "and" within "and" and "or" within "or" as one. Raises `ValueError`."""
    reader = _Reader(text)
    tree = reader.any_of()
    reader.expect("end")
    return tree


def joined(operator: str, trees: list[Tree]) -> Tree:
    """Trees under one operator, of which the order says nothing."""
    flat = [part for tree in trees for part in (tree[1:] if tree[0] == operator else (tree,))]
    return flat[0] if len(flat) == 1 else (operator, *sorted(flat, key=repr))


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, Any]] = []
        end = 0
        while end < len(text):
            found = _TOKEN.match(text, end)
            if found is None:
                raise ValueError(f"{text[end : end + 20]!r} at {end} is no token")
            end = found.end()
            if found.lastgroup != "space":
                self._tokens.append(_meant(str(found.lastgroup), found[0]))
        self._tokens.append(("end", None))
        self._next = 0

    def _take(self) -> tuple[str, Any]:
        self._next += 1
        return self._tokens[self._next - 1]

    def _taken(self, kind: str) -> bool:
        there = self._tokens[self._next][0] == kind
        self._next += there
        return there

    def expect(self, kind: str) -> Any:
        found, value = self._take()
        if found != kind:
            raise ValueError(f"{kind} expected, and there is {found} {value!r}")
        return value

    def any_of(self) -> Tree:
        trees = [self._all_of()]
        while self._taken("or"):
            trees.append(self._all_of())
        return joined("or", trees)

    def _all_of(self) -> Tree:
        trees = [self._test()]
        while self._taken("and"):
            trees.append(self._test())
        return joined("and", trees)

    def _test(self) -> Tree:
        if self._taken("not"):
            return ("not", self._test())
        if self._taken("("):
            tree = self.any_of()
            self.expect(")")
            return tree
        if self._taken("exists"):
            return self._exists()
        if self._taken("json_contains"):
            self.expect("(")
            attribute = self._attribute()
            self.expect(",")
            tree = ("contains", attribute, self.expect("text"))
            self.expect(")")
            return tree
        attribute = self._attribute()
        sign, _ = self._take()
        kind, value = self._take()
        if sign not in _SIGNS or kind not in ("text", "number", "truth"):
            raise ValueError(f"no comparison: {sign} {value!r}")
        return (sign, attribute, value)

    def _place(self) -> tuple[str, str]:
        field, _ = self._take()
        if field not in ("attributes", "$meta"):
            raise ValueError(f"{field} is no field")
        self.expect("[")
        key = self.expect("text")
        self.expect("]")
        return field, key

    def _attribute(self) -> str:
        field, key = self._place()
        if field == "attributes":
            return str(key)
        if not key.startswith(".") or "=" in key:
            raise ValueError(f"{key!r} is no attribute's key")
        return str(key[1:])

    def _exists(self) -> Tree:
        """milvus-lite has a key for every value of a keyword[], `.attribute=value`."""
        field, key = self._place()
        if field == "attributes":
            return ("exists", key)
        attribute, equals, value = key[1:].partition("=")
        return ("contains", attribute, value) if equals else ("exists", attribute)


def _meant(kind: str, text: str) -> tuple[str, Any]:
    match kind:
        case "text":
            return kind, _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), text[1:-1])
        case "number":
            return kind, float(text)
        case _ if text in ("true", "false"):
            return "truth", text == "true"
    return text, text
