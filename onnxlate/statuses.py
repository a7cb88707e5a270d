"""gRPC statuses as our errors, for clients; the table is the whole policy."""

import re
from collections.abc import Callable

import grpc

from .errors import (
    BundleError,
    Busy,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
    OnnxlateError,
    Overloaded,
    PermissionDenied,
    ServerFailure,
    Unauthenticated,
    Unavailable,
)

ERRORS: dict[grpc.StatusCode, type[OnnxlateError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.FAILED_PRECONDITION: BundleError,
    grpc.StatusCode.ABORTED: Busy,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
}
"""Any other status is a ServerFailure."""

# How servers name a text of a call.
_TEXT = re.compile(r"\btexts\[(\d{1,9})\]")


def error_from(error: grpc.RpcError, target: str, first: int = 0) -> OnnxlateError:
    """What happened to a call to `target`, in words for who made it.

    `first` is the index, in the caller's list, of the first text of the call.
    """
    code = error.code()
    details = error.details() or code.name
    return error_of(code, renumbered(details, lambda i: f"texts[{first + i}]"), target)


def error_of(code: grpc.StatusCode, details: str, target: str) -> OnnxlateError:
    """What a status of a call to `target`, or of one of its texts, means."""
    if code is grpc.StatusCode.CANCELLED:
        return was_cancelled(target)
    match ERRORS.get(code, ServerFailure):
        case kind if kind is Unavailable:
            return Unavailable(f"the server at {target} is not available: {details}")
        case kind if kind is DeadlineExceeded:
            return DeadlineExceeded(
                f"the server at {target} did not answer in time; "
                "see that it runs, allow more time, or send less at once"
            )
        case kind if code is grpc.StatusCode.UNIMPLEMENTED:
            return kind(
                f"the server at {target} does not do that ({details}); it is older "
                "than this client, or does not let its models be changed (--admin)"
            )
        case kind if kind is ServerFailure:
            return ServerFailure(f"the server at {target} failed: {details}")
        case kind:
            return kind(details)


def was_cancelled(target: str) -> Unavailable:
    return Unavailable(f"the call to {target} was cancelled, or its client closed")


def closed(target: str) -> Unavailable:
    return Unavailable(f"the client of {target} is closed; make another one")


def renumbered(message: str, name: Callable[[int], str]) -> str:
    """The message with each "texts[3]" in it replaced by name(3)."""
    return _TEXT.sub(lambda match: name(int(match[1])), message)
