"""Errors as `application/problem+json` (RFC 9457). Here alone a branch of the error tree meets an HTTP status."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.api.documents import as_json
from app.api.schemas.invalid import invalid_of
from app.domain.errors import (
    Conflict,
    EncoderError,
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
    (Unavailable, 503),
    (EncoderError, 503),
)
_TITLES = {
    400: "The request cannot be read",
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


def problem(status: int, code: str, detail: str, *, field: str | None = None) -> dict[str, Any]:
    """The members of a problem document."""
    told = {"type": "about:blank", "title": _TITLES.get(status, "Refused"), "status": status, "code": code}
    told["detail"] = detail
    if field is not None:
        told["field"] = field
    return told


def problem_of(error: VitrineError) -> dict[str, Any]:
    """The problem document of an error. One that is nobody's request shows no detail."""
    status = status_of(error)
    if status == 500:
        return problem(500, "internal", "the request failed; the log has more under its request id")
    return problem(status, error.code, error.detail, field=error.field)


def install(api: FastAPI) -> None:
    """Answer every error of this application as a problem."""
    api.add_exception_handler(VitrineError, _vitrine)
    api.add_exception_handler(RequestValidationError, _validation)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unexpected)


def _answer(request: Request, told: dict[str, Any]) -> Response:
    told["request_id"] = request.scope.get("request_id")
    headers = {"Retry-After": str(RETRY_AFTER_S)} if told["status"] == 503 else None
    return Response(as_json(told), told["status"], headers, media_type="application/problem+json")


def _vitrine(request: Request, error: Exception) -> Response:
    assert isinstance(error, VitrineError)  # noqa: S101 - Starlette hands over what was registered
    if status_of(error) >= 500:
        log.warning("request.failed", extra={"code": error.code, "detail": error.detail})
    return _answer(request, problem_of(error))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return _answer(request, problem_of(invalid_of(error.errors()[0])))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    codes = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return _answer(request, problem(error.status_code, codes.get(error.status_code, "refused"), str(error.detail)))


def _unexpected(request: Request, error: Exception) -> Response:
    log.exception("request.crashed", exc_info=error)
    return _answer(request, problem(500, "internal", "the request failed; the log has more under its request id"))
