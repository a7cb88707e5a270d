"""Where our errors become gRPC statuses, and nothing else gets out.

Left alone, grpc.aio tells the client the text of any exception, and answers bytes it
cannot parse with UNKNOWN and the parser's words.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc.aio import AbortError, ServerInterceptor
from grpc_status import rpc_status

from onnxlate.errors import OnnxlateError

from .call_log import Observed, Recording, Witness, failure_of_ours
from .metrics import Metrics
from .statuses import status_of
from .tokens import Tokens
from .unreadable import readable, refuse_unreadable

log = logging.getLogger(__name__)

Observe = Callable[[Any], AbstractContextManager[Observed]]

MAX_DETAILS = 2048
"""Characters of an error's text; past 16 kB of metadata a client sees only
RESOURCE_EXHAUSTED."""

RETRY_AFTER_MS = 300
"""When a refused client may ask again: some tens of steps from now."""


def come_back_later(details: str) -> tuple[tuple[str, str | bytes], ...]:
    """Trailers that say when: to gRPC's own retries, and as google.rpc.RetryInfo."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(RETRY_AFTER_MS)
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message=details)
    status.details.add().Pack(retry)
    return (
        ("grpc-retry-pushback-ms", str(RETRY_AFTER_MS)),
        *rpc_status.to_status(status).trailing_metadata,
    )


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
                return _refusing(error, self._observer(REFUSED))
        handler = await continuation(handler_call_details)
        if handler is None:  # of an unknown method
            return handler
        parse = readable(handler.request_deserializer)
        observe = self._observer(method, holder)
        if handler.request_streaming:
            both = handler.stream_stream
            if not inspect.isasyncgenfunction(both):  # reflection's, which is its own
                return handler
            return grpc.stream_stream_rpc_method_handler(
                _guarded_stream(both, observe), parse, handler.response_serializer
            )
        behaviour: Any = handler.unary_stream or handler.unary_unary
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                _guarded(behaviour, observe), parse, handler.response_serializer
            )
        # A stream is an asynchronous generator, or (health's) a plain coroutine.
        generator = inspect.isasyncgenfunction(behaviour)
        guard = _guarded_stream if generator else _guarded
        return grpc.unary_stream_rpc_method_handler(
            guard(behaviour, observe), parse, handler.response_serializer
        )

    def _observer(self, method: str, holder: str = "") -> Observe:
        watch = partial(self._metrics.call, method)
        if self._recording is None:
            return watch
        return partial(self._recording.of, method, holder, watch=watch)


def _refusing(
    error: OnnxlateError, observe: Observe
) -> grpc.RpcMethodHandler[Any, Any]:
    """Answers at once, whatever the method is, and reads nothing of what is sent."""

    async def refuse(requests: Any, context: Any) -> None:
        with observe(context):
            await _answer(error, context)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _guarded(
    behaviour: Callable[..., Awaitable[Any]], observe: Observe
) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        with observe(context):
            try:
                refuse_unreadable(request)
                return await behaviour(request, context)
            except AbortError:
                raise
            except Exception as error:
                await _answer(error, context)

    return guarded


def _guarded_stream(
    behaviour: Callable[..., AsyncGenerator[Any, None]], observe: Observe
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
                await _answer(error, context)

    return guarded


async def _answer(
    error: Exception, context: grpc.aio.ServicerContext[Any, Any]
) -> NoReturn:
    code = status_of(error)
    if code is grpc.StatusCode.INTERNAL:
        await context.abort(code, failure_of_ours(error, context))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        log.warning("refused: %s", error)
        details = str(error)[:MAX_DETAILS]
        await context.abort(code, details, come_back_later(details))
    await context.abort(code, str(error)[:MAX_DETAILS])
