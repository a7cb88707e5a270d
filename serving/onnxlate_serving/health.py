"""grpc.health.v1.Health: whether this server serves, now and from then on.

The library's own servicer for asyncio forgets all watchers of a name when one of them
leaves, and writes to them under a lock that one who does not read can hold for ever.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as pb_grpc

NAME = "grpc.health.v1.Health"

SERVING = pb.HealthCheckResponse.SERVING
NOT_SERVING = pb.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


class Health(pb_grpc.HealthServicer):  # type: ignore[misc]  # it has no types
    """One status for a few names; watchers wait for the next one each by themselves."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._status = NOT_SERVING
        self._changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        return bool(self._status == SERVING)

    def say(self, serving: bool) -> None:
        """From now on."""
        self._status = SERVING if serving else NOT_SERVING
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Check(self, request: pb.HealthCheckRequest, context: Any) -> Any:
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return pb.HealthCheckResponse(status=self._status)

    async def Watch(
        self, request: pb.HealthCheckRequest, context: Any
    ) -> AsyncGenerator[pb.HealthCheckResponse, None]:
        """The status now and whenever it changes, also of a name that nobody has."""
        known, said = request.service in self._names, None
        while True:
            changed = self._changed
            status = self._status if known else SERVICE_UNKNOWN
            if status != said:
                yield pb.HealthCheckResponse(status=status)
                said = status
            await changed.wait()
