"""Where our errors become gRPC statuses, and nothing else gets out.

Left alone, grpc.aio tells the client the text of any exception, and answers bytes it
cannot parse with UNKNOWN and the parser's words.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from grpc.aio import AbortError, ServerInterceptor

from onnxlate.errors import OnnxlateError

from .call_log import Observed, Recording, Witness, failure_of_ours, id_of_call
from .metrics import Metrics
from .refusals import Refusals, come_back_later
from .statuses import status_of
from .tokens import Tokens
from .unreadable import readable, refuse_unreadable

Observe = Callable[[Any], AbstractContextManager[Observed]]

MAX_DETAILS = 2048
"""Bytes of an error's text as gRPC sends it; past 8 kB of metadata, of which a refusal
has its text twice, a client may see only RESOURCE_EXHAUSTED."""

REFUSED = "(not admitted)"
"""Stands for the method in the metrics: strangers could name any number of them."""


# Generic for the type checker alone.
if TYPE_CHECKING:
    Interceptor = ServerInterceptor[Any, Any]
else:
    Interceptor = ServerInterceptor


class Border(Interceptor):
    """Stands around every method of every service, those without a name included."""

    def __init__(
        self,
        metrics: Metrics,
        tokens: Tokens | None = None,
        witnesses: Sequence[Witness] = (),
    ) -> None:
        """Without tokens everyone may call everything."""
        self._metrics = metrics
        self._tokens = tokens
        self._recording = Recording(witnesses) if witnesses else None
        self._refusals = Refusals()
        self._handlers: dict[tuple[str, str], grpc.RpcMethodHandler[Any, Any]] = {}
        """By method and whose token it is, as often as they were asked for."""

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        method, holder = handler_call_details.method, ""
        if self._tokens:
            try:
                metadata = handler_call_details.invocation_metadata or ()
                holder = self._tokens.admit(method, metadata)
            except OnnxlateError as error:
                return _refusing(error, self._observer(REFUSED), self._refusals)
        if known := self._handlers.get((method, holder)):
            return known
        handler = await continuation(handler_call_details)
        if handler is None:  # of an unknown method
            return handler
        handler = self._handlers[method, holder] = self._guarded(
            handler, self._observer(method, holder)
        )
        return handler

    def _guarded(
        self, handler: grpc.RpcMethodHandler[Any, Any], observe: Observe
    ) -> grpc.RpcMethodHandler[Any, Any]:
        parse = readable(handler.request_deserializer)
        if handler.request_streaming:
            both = handler.stream_stream
            if not inspect.isasyncgenfunction(both):  # reflection's, which is its own
                return handler
            return grpc.stream_stream_rpc_method_handler(
                _guarded_stream(both, observe, self._refusals),
                parse,
                handler.response_serializer,
            )
        behaviour: Any = handler.unary_stream or handler.unary_unary
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                _guarded(behaviour, observe, self._refusals),
                parse,
                handler.response_serializer,
            )
        # A stream is an asynchronous generator, or (health's) a plain coroutine.
        generator = inspect.isasyncgenfunction(behaviour)
        guard = _guarded_stream if generator else _guarded
        return grpc.unary_stream_rpc_method_handler(
            guard(behaviour, observe, self._refusals),
            parse,
            handler.response_serializer,
        )

    def _observer(self, method: str, holder: str = "") -> Observe:
        watch = partial(self._metrics.call, method)
        if self._recording is None:
            return watch
        return partial(self._recording.of, method, holder, watch=watch)


def _refusing(
    error: OnnxlateError, observe: Observe, refusals: Refusals
) -> grpc.RpcMethodHandler[Any, Any]:
    """Answers at once, whatever the method is, and reads nothing of what is sent."""

    async def refuse(requests: Any, context: Any) -> None:
        with observe(context):
            await _answer(error, context, refusals)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _guarded(
    behaviour: Callable[..., Awaitable[Any]], observe: Observe, refusals: Refusals
) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        with observe(context):
            try:
                refuse_unreadable(request)
                return await behaviour(request, context)
            except AbortError:
                raise
            except Exception as error:
                await _answer(error, context, refusals)

    return guarded


def _guarded_stream(
    behaviour: Callable[..., AsyncGenerator[Any, None]],
    observe: Observe,
    refusals: Refusals,
) -> Callable[..., AsyncGenerator[Any, None]]:
    async def guarded(
        request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[Any, None]:
        with observe(context) as observed:
            try:
                refuse_unreadable(request)
                # Closed when the caller hangs up, not when it is collected.
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        observed.first_answer()
                        yield response
            except AbortError:
                raise
            except Exception as error:
                await _answer(error, context, refusals)

    return guarded


async def _answer(
    error: Exception,
    context: grpc.aio.ServicerContext[Any, Any],
    refusals: Refusals,
) -> NoReturn:
    code = status_of(error)
    if code is grpc.StatusCode.INTERNAL:
        await context.abort(code, failure_of_ours(error, id_of_call(context)))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        details = details_of(error)
        refusals.note(details)
        await context.abort(code, details, come_back_later(details))
    await context.abort(code, details_of(error))


def details_of(error: Exception) -> str:
    """What the error says, as far as there is room for it.

    gRPC sends what is not printable ASCII as three characters a byte.
    """
    words = str(error)[:MAX_DETAILS]
    sizes = accumulate(map(_sent_size, words))
    return words[: sum(size <= MAX_DETAILS for size in sizes)]


def _sent_size(character: str) -> int:
    plain = " " <= character <= "~" and character != "%"
    return 1 if plain else 3 * len(character.encode(errors="replace"))
