"""What pydantic finds wrong, in the words of our errors."""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import Invalid, Malformed, Refused


def invalid_of(found: Mapping[str, Any]) -> Refused:
    """The error for the first thing that pydantic found (an item of `errors()`)."""
    if found["type"] == "json_invalid":
        return Malformed("the body is not JSON", code="bad_json")
    place = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(place)[:200] or None
    if found["type"] == "extra_forbidden":
        return Invalid(f"{field} is no field of this request", code="unknown_field", field=field)
    return Invalid(f"{field or 'the body'}: {found['msg']}", code="invalid", field=field)
