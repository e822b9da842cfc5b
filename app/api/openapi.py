"""`/openapi.json`: what FastAPI does not read off a route by itself."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import TypeAdapter

from app.api.errors import TITLES
from app.api.schemas.documents import AcceptedLine, Problem, RefusedLine
from app.api.schemas.products import NamedProductIn

_SCHEMAS = "#/components/schemas/"
_BINARY = {"type": "string", "format": "binary"}
PICTURES: dict[str, Any] = {kind: {"schema": _BINARY} for kind in ("image/jpeg", "image/png", "image/webp")}


class Ndjson(Response):
    """JSON documents, one a line."""

    media_type = "application/x-ndjson"


class DescribedAPI(FastAPI):
    """FastAPI whose description tells every problem as one, and the documents that no route names."""

    def openapi(self) -> dict[str, Any]:
        """The description of every call."""
        if self.openapi_schema is None:
            described = super().openapi()
            schemas = described["components"]["schemas"]
            schemas.update(_more_schemas())
            for path, operations in described["paths"].items():
                for operation in operations.values():
                    _tell_problems(path, operation)
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        return super().openapi()


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a call may answer beside those that its shape tells, for `responses`."""
    content = {"application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {status: {"description": TITLES[status], "content": content} for status in statuses}


def _tell_problems(path: str, operation: dict[str, Any]) -> None:
    statuses = [403, 500]
    if not path.startswith("/health"):
        statuses.append(503)
    if "parameters" in operation or "requestBody" in operation:
        operation["responses"].pop("422", None)  # FastAPI's own is not what we answer
        statuses.append(422)
    if "requestBody" in operation:
        statuses += [400, 413]
    told = {str(status): one for status, one in problems(*statuses).items()} | operation["responses"]
    operation["responses"] = dict(sorted(told.items()))


@cache
def _more_schemas() -> dict[str, Any]:
    documents = (Problem, NamedProductIn, AcceptedLine, RefusedLine)
    adapters: list[Any] = [(one.__name__, "validation", TypeAdapter(one)) for one in documents]
    _, told = TypeAdapter.json_schemas(adapters, ref_template=_SCHEMAS + "{model}")
    schemas: dict[str, Any] = told["$defs"]
    return schemas


def body(content: dict[str, Any]) -> dict[str, Any]:
    """A request's body by media type, for `openapi_extra`."""
    return {"requestBody": {"required": True, "content": content}}


def lines(*schemas: str) -> dict[str, Any]:
    """The content of a document whose lines are each one of these."""
    items = [{"$ref": _SCHEMAS + name} for name in schemas]
    return {Ndjson.media_type: {"schema": {"type": "string"}, "itemSchema": {"anyOf": items}}}


PRODUCT_FORM = body(
    {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"product": {"$ref": f"{_SCHEMAS}NamedProductIn"}},
                "required": ["product"],
                "additionalProperties": {**_BINARY, "description": "a picture, in a part named as its `upload`"},
            },
            "encoding": {"product": {"contentType": "application/json"}},
        }
    }
)
QUERY_FORM = body(
    {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"image": _BINARY, "query": {"$ref": f"{_SCHEMAS}SearchIn"}},
                "required": ["image"],
            },
            "encoding": {"query": {"contentType": "application/json"}},
        }
    }
)
