"""Reading JSON into what the API takes; what is wrong with it, in the words of our errors."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Invalid, Malformed, Refused

M = TypeVar("M", bound=BaseModel)

_TEXT = re.compile(r'"(?:[^"\\]+|\\.)*"?', re.DOTALL)  # up to the end where it is not closed: each is read once


def read(model: type[M], document: bytes | str) -> M:
    """A document as the model it should be. Raises what `read_json` does, and `Invalid` with the field."""
    try:
        return model.model_validate(read_json(document))
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid_of(first, first["loc"]) from None


def read_json(document: bytes | str) -> Any:
    """A JSON document. Raises `Malformed` (`bad_json`) and, for one that is too deep, `Invalid` (`too_deep`)."""
    try:
        return json.loads(document)
    except ValueError as error:  # not JSON, not UTF-8, numbers of thousands of digits
        raise Malformed(f"this is not JSON that can be read: {error}", code="bad_json") from None
    except RecursionError:
        if not _closes(document):
            raise Malformed("this is not JSON: it ends before all is closed", code="bad_json") from None
        raise Invalid("this is nested deeper than anything that is asked here", code="too_deep") from None


def _closes(document: bytes | str) -> bool:
    """Whether brackets are closed as often as they are opened: what is too deep to be read may still be no JSON."""
    text = document if isinstance(document, str) else document.decode(errors="replace")
    bare = _TEXT.sub("", text)
    return bare.count("[") == bare.count("]") and bare.count("{") == bare.count("}")


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
