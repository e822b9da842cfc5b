"""How a row keeps the attributes that filters read, which differs between a server and milvus-lite."""

from collections.abc import Mapping
from typing import Any

from app.adapters.milvus.expression import literal
from app.domain.products import AttributeValue


class ServerLayout:
    """One JSON field `attributes`."""

    dynamic = False
    field = "attributes"

    def cells(self, attributes: Mapping[str, AttributeValue]) -> dict[str, Any]:
        """What the field holds of a row."""
        return {name: _number(value) for name, value in attributes.items()}

    def value(self, attribute: str) -> str:
        """The place of an attribute's value."""
        return f"attributes[{literal(attribute)}]"

    def contains(self, attribute: str, value: str) -> str:
        """A test that a keyword[] holds a value."""
        return f"json_contains({self.value(attribute)}, {literal(value)})"


class LiteLayout:
    """One key of the dynamic field for an attribute, and one for each value of a keyword[].

    milvus-lite reads a JSON field by turning every row, its vector too, into Python values: 250 ms for 7,600 rows of
    512 dimensions. Of the dynamic field it makes columns: 30 ms. The first character keeps attributes apart from
    fields; no attribute's name has `=`.
    """

    dynamic = True
    field = "$meta"

    def cells(self, attributes: Mapping[str, AttributeValue]) -> dict[str, Any]:
        """What the field holds of a row."""
        cells: dict[str, Any] = {}
        for name, value in attributes.items():
            if isinstance(value, list):
                cells[f".{name}"] = True
                cells.update((f".{name}={item}", True) for item in value)
            else:
                cells[f".{name}"] = _number(value)
        return cells

    def value(self, attribute: str) -> str:
        """The place of an attribute's value."""
        return f"$meta[{literal('.' + attribute)}]"

    def contains(self, attribute: str, value: str) -> str:
        """A test that a keyword[] holds a value."""
        return f"(exists $meta[{literal(f'.{attribute}={value}')}])"


def _number(value: AttributeValue) -> AttributeValue:
    """Numbers as doubles: the one arithmetic that every rendering of a filter compares them in."""
    return float(value) if type(value) is int else value
