"""Errors as `application/problem+json` (RFC 9457). Here alone a branch of the error tree meets an HTTP status."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from app.api.documents import as_json
from app.api.schemas.documents import Problem
from app.api.schemas.invalid import invalid_of
from app.domain.errors import (
    Conflict,
    EncoderError,
    Gone,
    ImageFormat,
    Malformed,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
    VitrineError,
)

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
_STATUSES: tuple[tuple[type[VitrineError], int], ...] = (
    # The first that fits.
    (Malformed, 400),
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (ImageFormat, 415),
    (Refused, 422),
    (Gone, 422),
    (Unavailable, 503),
    (EncoderError, 503),
)
TITLES = {
    400: "The request cannot be read",
    403: "Not for this page",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Not a picture we read",
    422: "The request breaks a rule",
    500: "Our fault",
    503: "Unavailable for now",
}


def status_of(error: VitrineError) -> int:
    """The HTTP status of an error."""
    return next((status for branch, status in _STATUSES if isinstance(error, branch)), 500)


def problem(status: int, code: str, detail: str, *, field: str | None = None) -> Problem:
    """The members of a problem document."""
    title = TITLES.get(status, "Refused")
    told: Problem = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    if field is not None:
        told["field"] = field
    return told


def problem_of(error: VitrineError) -> Problem:
    """The problem document of an error, in words for strangers. One that is nobody's request has none."""
    status = status_of(error)
    if status == 500:
        return _internal()
    return problem(status, error.code, error.shown, field=error.field)


def _internal() -> Problem:
    return problem(500, "internal", "the request failed; the log has more under its request id")


def install(api: FastAPI) -> None:
    """Answer every error of this application as a problem."""
    api.add_exception_handler(VitrineError, _vitrine)
    api.add_exception_handler(RequestValidationError, _validation)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _unexpected)


def problem_response(scope: Scope, told: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that a problem document is."""
    told["request_id"] = scope.get("request_id")
    more = {"Retry-After": str(RETRY_AFTER_S)} if told["status"] == 503 else {}
    return Response(as_json(told), told["status"], {**(headers or {}), **more}, media_type="application/problem+json")


def _told(request: Request, error: VitrineError) -> dict[str, Any]:
    return {"request_id": request.scope.get("request_id"), "code": error.code, "detail": error.detail}


def _vitrine(request: Request, error: Exception) -> Response:
    assert isinstance(error, VitrineError)  # noqa: S101 - Starlette hands over what was registered
    if status_of(error) >= 500:
        log.warning("request.failed", extra=_told(request, error))
    return problem_response(request.scope, problem_of(error))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # it is registered for no other
    first = error.errors()[0]
    # The first part of the place says which part of a request it is: body, query, path or header.
    return problem_response(request.scope, problem_of(invalid_of(first, first["loc"][1:])))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for no other
    codes = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    told = problem(error.status_code, codes.get(error.status_code, "refused"), str(error.detail))
    return problem_response(request.scope, told, error.headers)


def _gone(request: Request, _error: Exception) -> Response:
    """Nobody reads this answer; the log and the counts say what it was."""
    return problem_response(request.scope, problem(400, "malformed", "the body ended before it was complete"))


def _unexpected(request: Request, error: Exception) -> Response:
    request_id = str(request.scope.get("request_id"))
    log.exception("request.crashed", exc_info=error, extra={"request_id": request_id})
    # Starlette answers a crash outside every middleware, so the one that adds the header never sees it.
    return problem_response(request.scope, _internal(), {"X-Request-ID": request_id})
