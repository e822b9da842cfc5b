"""Reading JSON into what the API takes; what is wrong with it, in the words of our errors."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Invalid, Malformed, Refused

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], document: bytes | str) -> M:
    """A document as the model it should be. Raises `Malformed` (`bad_json`) and `Invalid` with the field."""
    try:
        return model.model_validate(read_json(document))
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid_of(first, first["loc"]) from None


def read_json(document: bytes | str) -> Any:
    """A JSON document. Raises `Malformed` (`bad_json`)."""
    try:
        return json.loads(document)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, numbers of thousands of digits, too deep
        raise Malformed(f"this is not JSON that can be read: {error}", code="bad_json") from None


def invalid_of(found: Mapping[str, Any], place: Sequence[Any]) -> Refused:
    """The error for something that pydantic found (an item of `errors()`); `place` is where in what was stated."""
    if found["type"] == "json_invalid":
        return Malformed("the body is not JSON", code="bad_json")
    if not place and isinstance(found["input"], bytes):
        return Malformed("send JSON, and say so: Content-Type: application/json", code="bad_content_type")
    # "[key]" is pydantic's word for the name of a member.
    field = ".".join(str(part) for part in place if part != "[key]")[:200] or None
    if found["type"] == "extra_forbidden":
        return Invalid(f"{field} is no field of this request", code="unknown_field", field=field)
    return Invalid(f"{field or 'the body'}: {found['msg']}", code="invalid", field=field)
