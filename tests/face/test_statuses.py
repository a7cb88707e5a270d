"""What a gRPC status becomes for whoever made the call."""

import asyncio

import grpc
import pytest

from onnxlate import AsyncClient, Client
from onnxlate.errors import (
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
from onnxlate.statuses import error_from

from .parrot import Parrot

OURS: dict[grpc.StatusCode, type[OnnxlateError]] = {
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


class Failed(grpc.RpcError):
    """A call that ended with a status."""

    def __init__(self, status: grpc.StatusCode, details: str | None) -> None:
        self._status = status
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str | None:
        return self._details


@pytest.mark.parametrize("status", list(grpc.StatusCode))
def test_every_status_is_an_error_of_ours_with_something_to_read(
    status: grpc.StatusCode,
) -> None:
    for details in ("what happened", "", None):
        error = error_from(Failed(status, details), "host:1")

        assert type(error) is OURS.get(status, ServerFailure)
        assert str(error)


@pytest.mark.parametrize(
    "status", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK]
)
def test_nothing_of_grpc_reaches_the_caller(
    parrot: Parrot, server: str, status: grpc.StatusCode
) -> None:
    expected = OURS.get(status, ServerFailure)

    with Client(server) as client:
        parrot.refusals = [status]
        with pytest.raises(expected):  # a stream: it is never asked again
            next(client.stream("a"))

    async def the_same_with_await() -> None:
        async with AsyncClient(server) as client:
            parrot.refusals = [status]
            with pytest.raises(expected):
                await anext(client.stream("a"))

    asyncio.run(the_same_with_await())


def test_where_and_what_are_told_and_the_texts_counted_from_the_callers_first() -> None:
    gone = error_from(Failed(grpc.StatusCode.UNAVAILABLE, "draining"), "host:1")
    failed = error_from(Failed(grpc.StatusCode.INTERNAL, "request 7"), "host:1")
    refused = error_from(
        Failed(grpc.StatusCode.INVALID_ARGUMENT, "texts[3] is long"), "host:1", first=32
    )

    assert str(gone) == "the server at host:1 is not available: draining"
    assert str(failed) == "the server at host:1 failed: request 7"
    assert str(refused) == "texts[35] is long"
