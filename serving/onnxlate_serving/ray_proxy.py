"""What stands in Ray Serve's gRPC proxies before a call goes to a replica.

Ray calls `add_to_proxy` in each of its proxies, in place of the generated function that
adds our service to a server. With that alone a call whose replica dies ends as
INTERNAL, which no client may ask again; the replica does not hear how long the answer
is waited for; and a refusal does not say when to come back. All three are seen to here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .call_log import INTERNAL
from .refusals import come_back_later
from .unreadable import UNREADABLE, Unreadable, readable

log = logging.getLogger(__name__)

SECONDS_LEFT = "onnxlate-seconds-left"
"""In what a replica sees of a call's metadata: how long the answer is waited for."""

MAX_ATTEMPTS = 3
"""Replicas that may die under one call: more than one, since several go with a node,
and few, since it may be the text that kills them."""

PAUSE_S = 0.1
"""Before the second attempt, and four times as long before the third: for a moment,
Ray takes the dead for well."""

Unary = Callable[[Any, Any], Awaitable[bytes]]
Stream = Callable[[Any, Any], AsyncGenerator[bytes, None]]

# Generic for the type checker alone.
if TYPE_CHECKING:
    GenericRpcHandler = grpc.GenericRpcHandler[Any, Any]
else:
    GenericRpcHandler = grpc.GenericRpcHandler


def add_to_proxy(servicer: Any, server: Any) -> None:
    """Adds onnxlate.v1.TranslationService to a proxy of Ray Serve's.

    Raises RuntimeError if Ray does not route calls as it did in 2.60.
    """
    pb_grpc.add_TranslationServiceServicer_to_server(servicer, _Between(server))


class _Between:
    """What the generated function takes for the server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        [generated] = handlers
        own = dict(generated._method_handlers)
        routed = _Routed(own)
        self._server.add_generic_rpc_handlers((routed,))
        if routed._method_handlers is own:
            raise RuntimeError(
                "this Ray does not route calls by _method_handlers; name "
                "onnxlate.v1.translation_pb2_grpc."
                "add_TranslationServiceServicer_to_server instead of add_to_proxy"
            )

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Those would be found before the ones above."""


class _Routed(GenericRpcHandler):
    """Our methods, whose behaviour Ray replaces by its own."""

    def __init__(self, handlers: dict[str, Any]) -> None:
        # Ray reads and replaces it, as in the handlers that gRPC makes.
        self._method_handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = self._method_handlers.get(handler_call_details.method)
        if handler is None:
            return None
        parse = readable(handler.request_deserializer)
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(
                _asked_once(handler.stream_stream), parse
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _going_on(handler.unary_stream), parse
            )
        return grpc.unary_unary_rpc_method_handler(
            _asked_again(handler.unary_unary), parse
        )


class _Attempt:
    """gRPC's context of a call, as one attempt to have it answered sees it."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailers: tuple[tuple[str, str | bytes], ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        given = self._context.invocation_metadata() or ()
        kept = tuple((key, value) for key, value in given if key != SECONDS_LEFT)
        left_s = self._context.time_remaining()
        return kept if left_s is None else (*kept, (SECONDS_LEFT, f"{left_s:.3f}"))

    def code(self) -> grpc.StatusCode | None:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._trailers

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_trailing_metadata(self, trailers: Any) -> None:
        self._trailers = tuple(trailers)

    @property
    def died(self) -> bool:
        """Whether it is Ray that failed: of ours, a failure has a request id."""
        failed = self._code is grpc.StatusCode.INTERNAL
        return failed and not self._details.startswith(INTERNAL)

    async def end(self) -> None:
        """Tells the caller; raises what ends the call, unless it went well."""
        self._context.set_trailing_metadata(self._trailers)
        if self._code in (None, grpc.StatusCode.OK):
            return
        trailers = self._trailers
        if self._code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            trailers = (*trailers, *come_back_later(self._details))
        await self._context.abort(self._code, self._details, trailers)


async def _next_attempt(number: int, died: _Attempt) -> None:
    log.warning("attempt %d: a replica died under a call: %s", number, died.details())
    await asyncio.sleep(PAUSE_S * 4 ** (number - 1))


async def _refuse_unreadable(request: Any, context: Any) -> None:
    if isinstance(request, Unreadable):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNREADABLE)


def _asked_again(behaviour: Unary) -> Unary:
    """Of another replica, if the first one dies: a translation changes nothing."""

    async def call(request: Any, context: Any) -> bytes:
        await _refuse_unreadable(request, context)
        for number in range(1, MAX_ATTEMPTS + 1):
            attempt = _Attempt(context)
            response = await behaviour(request, attempt)
            if not attempt.died or number == MAX_ATTEMPTS:
                break
            await _next_attempt(number, attempt)
        await attempt.end()
        return response

    return call


def _going_on(behaviour: Stream) -> Stream:
    """With another replica, behind what was sent: it says the same once more."""

    async def call(request: Any, context: Any) -> AsyncGenerator[bytes, None]:
        await _refuse_unreadable(request, context)
        said = _Said()
        for number in range(1, MAX_ATTEMPTS + 1):
            attempt = _Attempt(context)
            said.again()
            async with aclosing(behaviour(request, attempt)) as responses:
                async for response in responses:
                    try:
                        new = said.new(response)
                    except ValueError as error:
                        # Such as those of the next version, in a rolling update.
                        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
                    if new is not None:
                        yield new
            if not attempt.died or number == MAX_ATTEMPTS:
                break
            await _next_attempt(number, attempt)
        await attempt.end()

    return call


def _asked_once(behaviour: Stream) -> Stream:
    """Its texts are gone with the replica, but not the client that has them."""

    async def call(requests: Any, context: Any) -> AsyncGenerator[bytes, None]:
        attempt = _Attempt(context)
        async with aclosing(behaviour(requests, attempt)) as responses:
            async for response in responses:
                yield response
        if attempt.died:
            attempt.set_code(grpc.StatusCode.UNAVAILABLE)
            attempt.set_details("a replica is gone; send what is not answered yet")
        await attempt.end()

    return call


class _Said:
    """What a caller has of a stream, as the pieces' characters."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._known = ""
        """Of that, what is still to come once more."""
        self._ended = False
        """Whether the last message is among it."""

    def again(self) -> None:
        self._known = "".join(self._pieces)

    def new(self, response: bytes) -> bytes | None:
        """What is new of it for the caller, or nothing.

        Raises ValueError if it is not what the first replica said.
        """
        message = pb.TranslateStreamResponse.FromString(response)
        piece = message.piece
        size = min(len(piece), len(self._known))
        if piece[:size] != self._known[:size]:
            raise ValueError("two replicas say two things")
        self._known = self._known[size:]
        if message.HasField("result") and self._known:
            raise ValueError("one replica says less than another")
        if self._ended:  # the replica died between it and the status
            return None
        self._ended = message.HasField("result")
        self._pieces.append(piece[size:])
        if not size:
            return response
        message.piece = piece[size:]
        if not (message.piece or message.HasField("result")):
            return None
        return message.SerializeToString()
