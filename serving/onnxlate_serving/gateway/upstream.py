"""The server behind the gateway, for whoever is calling."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.requests import HTTPConnection

from onnxlate import AsyncClient, Credentials
from onnxlate.credentials import PLAIN
from onnxlate.errors import ConfigError, InvalidRequest, Unauthenticated, Unavailable
from onnxlate.messages import ServedModel

from .fields import Fields

HEALTH_S = 3.0
"""For the server to say whether it is well."""


class Upstream:
    """One connection, which all calls share; each shows its own caller's token."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._of_nobody = AsyncClient(target)
        self._channel = PLAIN.aio_channel(target)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._of_nobody.close()
        await self._channel.close(grace=None)

    async def check_health(self) -> None:
        """Raises Unavailable unless it says SERVING, for which nobody needs a token."""
        try:
            answer = await self._health.Check(
                health_pb2.HealthCheckRequest(), timeout=HEALTH_S
            )
        except grpc.RpcError as cause:
            raise Unavailable("the server does not answer") from cause
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Unavailable("the server is starting or stopping")

    @asynccontextmanager
    async def client(self, token: str | None) -> AsyncIterator[AsyncClient]:
        """Without a token it may do what the server lets everyone do."""
        if token is None:
            yield self._of_nobody
            return
        try:
            credentials = Credentials(token=token)
            # Cheap: gRPC has them use the connection there is.
            client = AsyncClient(self._target, credentials=credentials)
        except ConfigError as cause:
            raise Unauthenticated(str(cause)) from cause
        async with client:
            yield client


def token_of(request: HTTPConnection, fields: Fields) -> str | None:
    """What the Authorization header or LibreTranslate's api_key says."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    key = fields.get("api_key")
    return key if isinstance(key, str) and key else None


def for_pair(models: list[ServedModel], source: str, target: str) -> ServedModel:
    """The model from one language to the other, the default one first.

    Raises InvalidRequest, with what there is.
    """
    found = [
        each
        for each in models
        if each.is_current
        and _is(each.source_language, source)
        and _is(each.target_language, target)
    ]
    if not found:
        pairs = sorted({f"{m.source_language}-{m.target_language}" for m in models})
        raise InvalidRequest(
            "no model is served for this source and target; there are "
            + (", ".join(pairs) or "none")
        )
    return min(found, key=lambda each: not each.is_default)


def _is(language: str, wanted: str) -> bool:
    """Whether "de-AT" is wanted where "de-AT" or "de" is asked for."""
    language, wanted = language.lower(), wanted.lower()
    return wanted in (language, language.partition("-")[0])
