"""The client for asyncio; it differs from client.py in its awaits alone.

async with onnxlate.AsyncClient("localhost:50051") as client:
    translations = await client.translate(["A dog runs."], beam_size=5)
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
import grpc.aio

from .address import checked_target, require_one
from .bulk import Feed, Outcome, outcome
from .client import POLL_S, not_ready
from .credentials import PLAIN, Credentials
from .errors import DeadlineExceeded, OnnxlateError, Unavailable
from .messages import (
    MAX_CALLS,
    CallOptions,
    ServedModel,
    Translation,
    batches,
    checked_name,
    checked_timeout,
    served_model,
    stream_request,
    time_limit,
    translate_request,
    translations,
)
from .statuses import closed, error_from, was_cancelled
from .stream import StreamRecord
from .v1 import admin_pb2 as admin_pb
from .v1 import admin_pb2_grpc as admin_pb_grpc
from .v1 import translation_pb2 as pb
from .v1 import translation_pb2_grpc as pb_grpc


class AsyncClient:
    """A connection to one server, within one event loop; else as Client."""

    def __init__(
        self,
        server: str,
        *,
        timeout_s: float = 60.0,
        credentials: Credentials = PLAIN,
    ) -> None:
        self._target = checked_target(server)
        self._timeout_s = checked_timeout(timeout_s)
        self._channel = credentials.aio_channel(self._target)
        self._metadata = credentials.metadata
        self._stub = pb_grpc.TranslationServiceStub(self._channel)
        self._admin = admin_pb_grpc.AdminServiceStub(self._channel)
        self._closed = False

    async def translate(
        self, texts: Iterable[str], **options: Unpack[CallOptions]
    ) -> list[Translation]:
        under_way: deque[AsyncTranslateCall] = deque()
        done: list[Translation] = []
        try:
            num_sent = 0
            for batch in batches(texts):
                if len(under_way) == MAX_CALLS:
                    done += await under_way.popleft().result()
                under_way.append(self._start(batch, options, num_sent))
                num_sent += len(batch)
            while under_way:
                done += await under_way.popleft().result()
        finally:
            for call in under_way:
                call.cancel()
        return done

    def start(
        self, texts: list[str], **options: Unpack[CallOptions]
    ) -> "AsyncTranslateCall":
        return self._start(texts, options)

    def stream(
        self, text: str, **options: Unpack[CallOptions]
    ) -> "AsyncTranslationStream":
        self._require_open()
        call = self._stub.TranslateStream(
            stream_request(text, options),
            timeout=time_limit(options, self._timeout_s),
            metadata=self._metadata,
        )
        return AsyncTranslationStream(call, self._target)

    async def translate_many(
        self,
        texts: AsyncIterable[tuple[int, str]] | Iterable[tuple[int, str]],
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[tuple[int, Outcome]]:
        self._require_open()
        feed = Feed(options)
        call = self._stub.TranslateBatch(
            feed.requests_from(texts),
            timeout=time_limit(options, None),
            metadata=self._metadata,
        )
        try:
            with _translated(self._target):
                async for response in call:
                    yield response.id, outcome(response, self._target)
        except OnnxlateError as error:
            if feed.failure:
                raise feed.failure from error
            raise
        finally:
            call.cancel()

    async def models(self) -> list[ServedModel]:
        response = await self._ask(self._stub.ListModels, pb.ListModelsRequest())
        return [served_model(each) for each in response.models]

    async def model(self, name: str = "") -> ServedModel:
        request = pb.GetModelRequest(name=checked_name("model", name))
        return served_model(await self._ask(self._stub.GetModel, request))

    async def load_model(self, folder: str, *, promote: bool = True) -> ServedModel:
        """Has a server with --admin serve a bundle of its models' folder.

        Raises BundleError if that cannot be, and Busy during another such change; then
        nothing is changed.
        """
        request = admin_pb.LoadModelRequest(
            folder=checked_name("folder", folder), promote=promote
        )
        return served_model(await self._ask(self._administered().LoadModel, request))

    async def promote_model(self, name: str) -> ServedModel:
        """Lets the bare name mean NAME@VERSION, a newer version or an older one."""
        request = admin_pb.PromoteModelRequest(name=checked_name("model", name))
        return served_model(await self._ask(self._administered().PromoteModel, request))

    async def unload_model(self, name: str) -> None:
        """Has NAME@VERSION served no more; returns when its last call is done."""
        request = admin_pb.UnloadModelRequest(name=checked_name("model", name))
        await self._ask(self._administered().UnloadModel, request)

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        end = time.monotonic() + checked_timeout(timeout_s)
        while (left_s := end - time.monotonic()) > 0:
            self._require_open()
            with suppress(Unavailable, DeadlineExceeded), _translated(self._target):
                await self._stub.ListModels(
                    pb.ListModelsRequest(),
                    timeout=left_s,
                    metadata=self._metadata,
                    wait_for_ready=True,
                )
                return
            await asyncio.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
        raise not_ready(self._target, timeout_s)

    async def close(self) -> None:
        self._closed = True
        await self._channel.close(grace=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _start(
        self, texts: list[str], options: CallOptions, first: int = 0
    ) -> "AsyncTranslateCall":
        self._require_open()
        call = self._stub.Translate(
            translate_request(texts, options),
            timeout=time_limit(options, self._timeout_s),
            metadata=self._metadata,
        )
        return AsyncTranslateCall(call, len(texts), self._target, first)

    async def _ask(self, method: Any, request: Any) -> Any:
        self._require_open()
        with _translated(self._target):
            return await method(
                request, timeout=self._timeout_s, metadata=self._metadata
            )

    def _administered(self) -> admin_pb_grpc.AdminServiceStub:
        require_one(self._target)
        return self._admin

    def _require_open(self) -> None:
        if self._closed:
            raise closed(self._target)


class AsyncTranslateCall:
    """A call under way."""

    def __init__(self, call: Any, num_texts: int, target: str, first: int) -> None:
        self._call = call
        self._num_texts = num_texts
        self._target = target
        self._first = first

    async def result(self) -> list[Translation]:
        with _translated(self._target, self._first):
            response: pb.TranslateResponse = await self._call
        return translations(response, self._num_texts)

    def cancel(self) -> None:
        self._call.cancel()


class AsyncTranslationStream:
    """Pieces of one translation; iterate, and read `result` afterwards."""

    def __init__(self, call: Any, target: str) -> None:
        self._call = call
        self._messages: AsyncIterator[pb.TranslateStreamResponse] = aiter(call)
        self._target = target
        self._record = StreamRecord()

    @property
    def result(self) -> Translation:
        """The whole answer, after the last piece."""
        return self._record.result

    def close(self) -> None:
        self._call.cancel()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        with _translated(self._target):
            async for message in self._messages:
                if piece := self._record.take(message):
                    return piece
        self._record.end()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _translated(target: str, first: int = 0) -> Iterator[None]:
    """gRPC's errors as ours."""
    try:
        yield
    except grpc.RpcError as cause:
        raise error_from(cause, target, first) from cause
    except asyncio.CancelledError as cause:
        # gRPC says the same of a call that ended under us and of our own task's end.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise was_cancelled(target) from cause
