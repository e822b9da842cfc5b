"""Parts of several documents."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Reason(TypedDict):
    """A stable code, and words for a person."""

    code: str
    detail: str | None
