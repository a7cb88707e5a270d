"""What went wrong, as HTTP says it: a status, and an object with the reason."""

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from onnxlate.errors import (
    BundleError,
    Busy,
    ConfigError,
    DeadlineExceeded,
    DocumentError,
    InvalidRequest,
    ModelNotFound,
    OnnxlateError,
    Overloaded,
    PermissionDenied,
    SourceTooLong,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

STATUSES: dict[type[Exception], int] = {
    InvalidRequest: 400,
    SourceTooLong: 400,
    ConfigError: 400,
    BundleError: 400,
    DocumentError: 400,
    Unauthenticated: 401,
    PermissionDenied: 403,
    ModelNotFound: 404,
    Busy: 409,
    Overloaded: 429,
    Unavailable: 503,
    DeadlineExceeded: 504,
}
"""Every other error is 500."""

# Theirs are for who runs the server: addresses and the like.
OWN_WORDS = {
    500: "the server failed; its log says why",
    503: "the server is starting or stopping; try again soon",
    504: "the translation was not ready in time; send less at once",
}

HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "2"},
}


def status_of(error: Exception) -> int:
    return STATUSES.get(type(error), 500)


def words_of(error: Exception) -> str:
    return OWN_WORDS.get(status_of(error), str(error))


async def of_ours(request: Request, error: Exception) -> Response:
    status = status_of(error)
    if status == 500:
        log.error("%s", error)
    return _answer(words_of(error), status)


async def of_http(request: Request, error: Exception) -> Response:
    """404 and the like."""
    assert isinstance(error, HTTPException)
    return _answer(error.detail.lower(), error.status_code, error.headers)


async def of_nobody(request: Request, error: Exception) -> Response:
    """Whoever hangs up is no event, and reads nothing."""
    return Response(status_code=499)


async def unforeseen(request: Request, error: Exception) -> Response:
    """Starlette raises it again afterwards, which puts it into the log."""
    return _answer(OWN_WORDS[500], 500)


def unparsable() -> Response:
    """To what is no HTTP, which no application hears of."""
    return _answer("that is not HTTP/1.1", 400, {"Connection": "close"})


def overcrowded() -> Response:
    """To a request on one connection too many."""
    return _answer(
        "there are too many connections; try again soon", 503, {"Connection": "close"}
    )


def _answer(
    words: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    headers = {**HEADERS.get(status, {}), **(headers or {})}
    # A caller's own words may be in there, and those may be no text.
    words = words.encode(errors="replace").decode()
    return JSONResponse({"error": words}, status, headers)


HANDLERS = {
    OnnxlateError: of_ours,
    HTTPException: of_http,
    ClientDisconnect: of_nobody,
    Exception: unforeseen,
}
