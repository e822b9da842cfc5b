"""Catalogs and products: what a shop sells, checked against what its catalog declares."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import Invalid, NotFound

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]{0,63}")
_INT64_MAX = 2**63 - 1

RESERVED_NAMES = frozenset({"not", "any"})  # an attribute of that name could be stored and never filtered by

MAX_TITLE = 1_000  # characters; a title is read in a grid
MAX_DESCRIPTION = 20_000  # characters; an encoder reads a few dozen words of it, a person perhaps all
MAX_KEYWORD_BYTES = 1_024  # an exact value, not a text
MAX_TEXT_BYTES = 16_384
MAX_ATTRIBUTES = 200
MAX_ATTRIBUTES_BYTES = 60_000  # Milvus takes 65,536 bytes of JSON a row; the rest is room for escapes
MAX_IMAGES = 50
MAX_LIST = 200  # values of one keyword[]


class AttributeType(StrEnum):
    """What an attribute may hold. Decides how it is checked, stored and filtered."""

    KEYWORD = "keyword"
    KEYWORDS = "keyword[]"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"


AttributeValue = str | float | int | bool | list[str]
"""A checked value. A datetime is UTC text, ISO 8601 with microseconds and `Z`: text order is time order."""

Schema = Mapping[str, AttributeType]


@dataclass(frozen=True, slots=True)
class Catalog:
    """A named set of products with one attribute schema; the unit of isolation.

    `caption` names the attributes whose values follow title and description in the text that is encoded.
    """

    name: str
    attributes: Schema
    caption: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_id(self.name, "catalog")
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise Invalid(f"at most {MAX_ATTRIBUTES} attributes can be declared", code="too_many_attributes")
        for name in self.attributes:
            if name in RESERVED_NAMES:
                raise Invalid(
                    f"{name!r} is a word of filters: give the attribute another name",
                    code="attribute_name",
                    field=f"attributes.{name}",
                )
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise Invalid(
                    "an attribute's name starts with a letter or _ and has at most 64 letters, digits, spaces, _, -",
                    code="attribute_name",
                    field=f"attributes.{name[:64]}",
                )
        for name in self.caption:
            if name not in self.attributes:
                raise Invalid(
                    f"caption names {name!r}, which is not declared", code="unknown_attribute", field="caption"
                )


@dataclass(frozen=True, slots=True)
class Product:
    """What the shop sells, as one upload states it: text and attributes. Its pictures stand beside it, in order."""

    product_id: str
    title: str
    description: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def caption(self, chosen: Sequence[str]) -> str:
        """The text that is encoded: title, description and chosen attributes joined by '. ', empty ones left out."""
        parts = [self.title, self.description]
        parts += [_spoken(self.attributes[name]) for name in chosen if name in self.attributes]
        return ". ".join(part.strip().rstrip(".") for part in parts if part.strip())


def _spoken(value: AttributeValue) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def check_id(value: str, what: str) -> str:
    """Return `value` if it is an id; raise `Invalid` (`bad_id`) if it is not."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Invalid(f"{what} must match [A-Za-z0-9._:-]{{1,128}}", code="bad_id", field=what)
    return value


def check_product(product: Product, schema: Schema) -> Product:
    """Return the product with its attributes in canonical form; raise `Invalid` with the field named."""
    check_id(product.product_id, "product_id")
    title = check_text(product.title, "title", limit=MAX_TITLE)
    if not title.strip():
        raise Invalid("title must not be empty", code="empty_title", field="title")
    description = check_text(product.description, "description", limit=MAX_DESCRIPTION)
    return Product(product.product_id, title, description, check_attributes(product.attributes, schema))


def check_attributes(given: Mapping[str, Any], schema: Schema) -> dict[str, AttributeValue]:
    """Check every value against its declared type and return the canonical form, without the ones that are null."""
    checked: dict[str, AttributeValue] = {}
    for name, value in given.items():
        declared = schema.get(name)
        if declared is None:
            raise Invalid(
                f"the catalog declares no attribute {name[:64]!r}",
                code="unknown_attribute",
                field=f"attributes.{name[:64]}",
            )
        if value is not None and value != []:  # an empty list says nothing that its absence does not
            checked[name] = check_value(value, declared, f"attributes.{name}")
    if len(json.dumps(checked, ensure_ascii=False).encode()) > MAX_ATTRIBUTES_BYTES:
        raise Invalid(f"attributes take more than {MAX_ATTRIBUTES_BYTES} bytes", code="too_large", field="attributes")
    return checked


def check_value(value: Any, declared: AttributeType, where: str) -> AttributeValue:
    """Check one value against a type: the same rule for what is stored and for what a filter compares with.

    Raises `Invalid` (`attribute_type`) with `where` as the field.
    """
    match declared:
        case AttributeType.KEYWORD if isinstance(value, str):
            return check_text(value, where, limit_bytes=MAX_KEYWORD_BYTES)
        case AttributeType.TEXT if isinstance(value, str):
            return check_text(value, where, limit_bytes=MAX_TEXT_BYTES)
        case AttributeType.KEYWORDS if isinstance(value, list) and len(value) <= MAX_LIST:
            if all(isinstance(item, str) for item in value):
                return [check_text(item, where, limit_bytes=MAX_KEYWORD_BYTES) for item in value]
        case AttributeType.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
            if abs(value) <= _INT64_MAX:  # which neither NaN nor an infinity is
                return value
            told = f"{where} must be a number from -(2^63 - 1) to 2^63 - 1"
            raise Invalid(told, code="attribute_type", field=where)
        case AttributeType.BOOLEAN if isinstance(value, bool):
            return value
        case AttributeType.DATETIME if isinstance(value, str):
            return _canonical_datetime(value, where)
    raise Invalid(f"{where} must be a {declared.value}", code="attribute_type", field=where)


def check_text(value: str, where: str, *, limit: int | None = None, limit_bytes: int | None = None) -> str:
    """Refuse what no store keeps whole: NUL, lone surrogates, more than the limit of characters or of UTF-8 bytes."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Invalid(f"{where} is not valid Unicode text", code="bad_text", field=where) from None
    if "\0" in value:
        raise Invalid(f"{where} must not contain NUL", code="bad_text", field=where)
    if (limit is not None and len(value) > limit) or (limit_bytes is not None and size > limit_bytes):
        raise Invalid(f"{where} is too long", code="too_long", field=where)
    return value


def _canonical_datetime(value: str, where: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Invalid(f"{where} must be a date and time in ISO 8601", code="attribute_type", field=where) from None
    # A time without a zone is taken as UTC: one rule, and no machine's own zone in it.
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"{where} must lie in the years 1 to 9999, UTC", code="attribute_type", field=where) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def unknown_catalog(name: str) -> NotFound:
    """The refusal of whatever is asked of a catalog that nobody declared."""
    return NotFound(
        f"there is no catalog {name}: declare it first with PUT /v1/catalogs/{name}",
        code="unknown_catalog",
        field="catalog",
    )
