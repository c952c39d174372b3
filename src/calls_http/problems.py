"""Everything that a client is refused, as problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from inspect import getdoc
from typing import Any, ClassVar, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from calls_core.errors import (
    AnalysisFailed,
    CallsError,
    Conflict,
    EventsForgotten,
    Expired,
    FieldError,
    Forbidden,
    IdempotencyKeyInUse,
    IntakePaused,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PresignedUrlsUnavailable,
    TooLarge,
    TooManyAttempts,
    Unavailable,
    UploadExpired,
)
from calls_http.wire import Problem, ProblemDetail

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[type[CallsError], int]] = {
    InvalidInput: 422,
    TooLarge: 413,
    NotFound: 404,
    Conflict: 409,
    NotSignedIn: 401,
    Forbidden: 403,
    TooManyAttempts: 429,
    UploadExpired: 410,
    EventsForgotten: 410,
    Expired: 410,
    PresignedUrlsUnavailable: 501,
    Unavailable: 503,
    AnalysisFailed: 422,
    CallsError: 500,
}
"""The nearest listed ancestor of an error decides."""

RETRY_AFTER_SECONDS: Final[Mapping[type[CallsError], int]] = {IntakePaused: 60, IdempotencyKeyInUse: 1, Unavailable: 5}

FRAMEWORK_CODES: Final[Mapping[int, str]] = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
}
"""Codes of what Litestar refuses by itself."""

CLIENT_GONE: Final = 499
"""nginx's number for a client that hung up: for the access log only, since nobody is there to read it."""

_log = logging.getLogger("calls.http")


class HttpRefusal(HTTPException):
    """The request cannot be answered."""

    code: ClassVar[str] = "bad-request"


class MalformedBody(HttpRefusal):
    """The body of the request cannot be read."""

    status_code = 400
    code = "malformed-body"


class ClientTooSlow(HttpRefusal):
    """The request came in too slowly."""

    status_code = 408
    code = "too-slow"


class UnsupportedMediaType(HttpRefusal):
    """Bodies of this media type are not accepted here."""

    status_code = 415
    code = "unsupported-media-type"


class RangeNotSatisfiable(HttpRefusal):
    """The range lies outside of the recording."""

    status_code = 416
    code = "range-not-satisfiable"


class ClientGone(Exception):
    """The client hung up before its request was complete; whatever it had sent is dropped."""


def of_calls_error(error: CallsError) -> Problem:
    """Describe *error* to a client."""
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return _problem(error.code, type(error), _nearest(STATUS, error), str(error), errors)


def of_http_exception(error: HTTPException) -> Problem:
    """Describe what Litestar or ``HttpRefusal`` refuses."""
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, HttpRefusal):
        return _problem(error.code, type(error), error.status_code, error.detail)
    code = FRAMEWORK_CODES.get(error.status_code, HttpRefusal.code)
    return _problem(code, HttpRefusal, error.status_code, error.detail)


def _invalid(error: ValidationException) -> Problem:
    found = error.extra if isinstance(error.extra, list) else []
    errors = [
        FieldError(f"/{item['key']}" if item.get("key") else "", _without_path(str(item.get("message", ""))))
        for item in found
        if isinstance(item, dict)
    ]
    detail = "; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors) or error.detail
    return _problem(InvalidInput.code, InvalidInput, 422, detail, errors)


def _without_path(message: str) -> str:
    return message.split(" - at `", maxsplit=1)[0]


def _problem(code: str, kind: type[Exception], status: int, detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    return Problem(
        type=f"urn:calls:problem:{code}",
        title=(getdoc(kind) or code).splitlines()[0],
        status=status,
        detail=detail,
        errors=[ProblemDetail(detail=e.detail, pointer=e.pointer) for e in errors] or msgspec.UNSET,
    )


def _fault() -> Problem:
    where = "This is a fault of the service and is in its log under the X-Request-ID of this answer."
    return _problem(CallsError.code, CallsError, 500, where)


def _nearest(table: Mapping[type[CallsError], int], error: CallsError) -> int:
    return next(table[cls] for cls in type(error).__mro__ if cls in table)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem), media_type=MEDIA_TYPE, status_code=problem.status, headers=dict(headers or {})
    )


def _answer_calls_error(request: Request[Any, Any, Any], error: CallsError) -> Response[bytes]:
    problem = of_calls_error(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(request, error)
    if isinstance(error, NotSignedIn):
        return answer(problem, {"WWW-Authenticate": "Bearer"})
    if isinstance(error, TooManyAttempts):
        return answer(problem, {"Retry-After": str(round(error.retry_after.total_seconds()))})
    if not isinstance(error, Unavailable | IdempotencyKeyInUse):
        return answer(problem)
    if not isinstance(error, IntakePaused | IdempotencyKeyInUse):
        _log.warning("%s: %s", error.code, error)
    return answer(problem, {"Retry-After": str(_nearest(RETRY_AFTER_SECONDS, error))})


def _answer_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(request, error)
    return answer(of_http_exception(error), error.headers)


def _answer_client_gone(_request: Request[Any, Any, Any], _error: ClientGone) -> Response[None]:
    return Response(None, status_code=CLIENT_GONE)


def _answer_fault(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("unexpected error", exc_info=error)
    return answer(_fault())


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    CallsError: _answer_calls_error,
    HTTPException: _answer_http_exception,
    ClientGone: _answer_client_gone,
    Exception: _answer_fault,
}
