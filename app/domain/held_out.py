"""Which rows of a manifest are held out of training, so that recall can be measured on them."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.errors import Invalid

HeldOut = Callable[[str, Mapping[str, Any]], bool]
"""Says of a product_id and its attributes, as the manifest writes them, whether the row is held out."""

_TENTH = 10
_BLOCKS = re.compile(r"blocks:(\d+):(\d+):(\d+)")


def held_out_rule(rule: str | None) -> HeldOut:
    """Read a rule.

    None: a tenth, by a hash of product_id. `column=value`: the rows that say so. `blocks:50:5:1`: those with
    product_id // 50 % 5 == 1, for catalogues where ids that lie close together are near-duplicates: these must not
    stand on both sides. Raises `Invalid` (`bad_held_out`); the rule itself does where an id is no number.
    """
    if rule is None:
        return _tenth
    blocks = _BLOCKS.fullmatch(rule)
    if blocks is not None:
        return _blocks(*(int(number) for number in blocks.groups()))
    column, mark, value = rule.partition("=")
    if not (mark and column.strip()):
        raise Invalid(
            f"{rule!r} is no rule for held-out rows: write column=value, or blocks:SIZE:MODULO:REMAINDER",
            code="bad_held_out",
        )
    return _column(column.strip(), value.strip())


def _tenth(product_id: str, _attributes: Mapping[str, Any]) -> bool:
    digest = hashlib.sha256(product_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % _TENTH == 0


def _blocks(size: int, modulo: int, remainder: int) -> HeldOut:
    if not (size and remainder < modulo):
        raise Invalid(
            "blocks:SIZE:MODULO:REMAINDER takes a SIZE above 0 and a REMAINDER below MODULO", code="bad_held_out"
        )

    def in_block(product_id: str, _attributes: Mapping[str, Any]) -> bool:
        if not (product_id.isascii() and product_id.isdecimal()):
            raise Invalid(
                f"blocks are of product ids that are whole numbers, and {product_id!r} is none: use column=value",
                code="bad_held_out",
            )
        return int(product_id) // size % modulo == remainder

    return in_block


def _column(column: str, value: str) -> HeldOut:
    def says_so(_product_id: str, attributes: Mapping[str, Any]) -> bool:
        stated = attributes.get(column)
        return (stated if isinstance(stated, str) else json.dumps(stated)) == value

    return says_so
