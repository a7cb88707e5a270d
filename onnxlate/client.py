"""A client that waits for its answers; async_client.py has the other.

with onnxlate.Client("localhost:50051") as client:
    for translation in client.translate(["A dog runs."], beam_size=5):
        print(translation.text)
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, Unpack

import grpc

from .address import checked_target, require_one
from .bulk import Feed, Outcome, outcome
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

POLL_S = 0.1
"""How long to wait before asking again a server that is starting."""


class Client:
    """A connection to one server; threads may share it.

    Every method raises OnnxlateErrors: InvalidRequest, ModelNotFound, Overloaded,
    DeadlineExceeded, Unauthenticated, PermissionDenied, Unavailable or ServerFailure.
    A server that is away or too busy
    is asked again for a few seconds first (channel.py).
    """

    def __init__(
        self,
        server: str,
        *,
        timeout_s: float = 60.0,
        credentials: Credentials = PLAIN,
    ) -> None:
        """`server` is HOST:PORT, or several of them with commas between, which get
        calls in turn; `timeout_s` is each call's deadline.

        Raises ConfigError if the address is none, or credentials cannot be used.
        Connects with the first call.
        """
        self._target = checked_target(server)
        self._timeout_s = checked_timeout(timeout_s)
        self._channel = credentials.channel(self._target)
        self._metadata = credentials.metadata
        self._stub = pb_grpc.TranslationServiceStub(self._channel)
        self._admin = admin_pb_grpc.AdminServiceStub(self._channel)
        self._closed = False

    def translate(
        self, texts: Iterable[str], **options: Unpack[CallOptions]
    ) -> list[Translation]:
        """One translation per text, in order; CallOptions tells the options.

        A long list travels in several calls, a few at a time; `timeout_s` is for
        each of them.
        """
        under_way: deque[TranslateCall] = deque()
        done: list[Translation] = []
        try:
            num_sent = 0
            for batch in batches(texts):
                if len(under_way) == MAX_CALLS:
                    done += under_way.popleft().result()
                under_way.append(self._start(batch, options, num_sent))
                num_sent += len(batch)
            while under_way:
                done += under_way.popleft().result()
        finally:
            for call in under_way:  # none, unless one before them failed
                call.cancel()
        return done

    def start(
        self, texts: list[str], **options: Unpack[CallOptions]
    ) -> "TranslateCall":
        """Sends one call and does not wait: for pipelines of the caller's own.

        All texts travel in this one call; `messages.batches` makes fitting lists.
        """
        return self._start(texts, options)

    def stream(self, text: str, **options: Unpack[CallOptions]) -> "TranslationStream":
        """The translation's pieces as they are decided."""
        self._require_open()
        call = self._stub.TranslateStream(
            stream_request(text, options),
            timeout=time_limit(options, self._timeout_s),
            metadata=self._metadata,
        )
        return TranslationStream(call, self._target)

    def translate_many(
        self, texts: Iterable[tuple[int, str]], **options: Unpack[CallOptions]
    ) -> Iterator[tuple[int, Outcome]]:
        """Numbered texts over one call, however many: as each is done, its number with
        its translation, or with the error that it alone has.

        Texts are taken from a thread of gRPC's, as the server has room for them. There
        is no time limit unless one is given. Closing the iterator ends the call; if it
        raises Unavailable, send what has not come yet once more.
        """
        self._require_open()
        feed = Feed(options)
        call = self._stub.TranslateBatch(
            feed.requests(texts),
            timeout=time_limit(options, None),
            metadata=self._metadata,
        )
        try:
            for response in call:
                yield response.id, outcome(response, self._target)
        except grpc.RpcError as cause:
            raise feed.failure or error_from(cause, self._target) from cause
        finally:
            call.cancel()

    def models(self) -> list[ServedModel]:
        """The models being served."""
        response = self._ask(self._stub.ListModels, pb.ListModelsRequest())
        return [served_model(each) for each in response.models]

    def model(self, name: str = "") -> ServedModel:
        """One of them; without a name the default one."""
        return served_model(
            self._ask(
                self._stub.GetModel,
                pb.GetModelRequest(name=checked_name("model", name)),
            )
        )

    def load_model(self, folder: str, *, promote: bool = True) -> ServedModel:
        """Has a server with --admin serve a bundle of its models' folder.

        Raises BundleError if that cannot be, and Busy during another such change; then
        nothing is changed.
        """
        request = admin_pb.LoadModelRequest(
            folder=checked_name("folder", folder), promote=promote
        )
        return served_model(self._ask(self._administered().LoadModel, request))

    def promote_model(self, name: str) -> ServedModel:
        """Lets the bare name mean NAME@VERSION, a newer version or an older one."""
        request = admin_pb.PromoteModelRequest(name=checked_name("model", name))
        return served_model(self._ask(self._administered().PromoteModel, request))

    def unload_model(self, name: str) -> None:
        """Has NAME@VERSION served no more; returns when its last call is done."""
        request = admin_pb.UnloadModelRequest(name=checked_name("model", name))
        self._ask(self._administered().UnloadModel, request)

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Returns once the server answers; raises Unavailable when time is over."""
        end = time.monotonic() + checked_timeout(timeout_s)
        while (left_s := end - time.monotonic()) > 0:
            self._require_open()
            try:
                self._stub.ListModels(
                    pb.ListModelsRequest(),
                    timeout=left_s,
                    metadata=self._metadata,
                    wait_for_ready=True,
                )
                return
            except grpc.RpcError as cause:
                error = error_from(cause, self._target)
                if not isinstance(error, Unavailable | DeadlineExceeded):
                    raise error from cause
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
        raise not_ready(self._target, timeout_s)

    def close(self) -> None:
        """Ends the connection, and calls still under way with it."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _start(
        self, texts: list[str], options: CallOptions, first: int = 0
    ) -> "TranslateCall":
        self._require_open()
        request = translate_request(texts, options)
        call = self._stub.Translate.future(
            request,
            timeout=time_limit(options, self._timeout_s),
            metadata=self._metadata,
        )
        return TranslateCall(call, len(texts), self._target, first)

    def _ask(self, method: Any, request: Any) -> Any:
        self._require_open()
        try:
            return method(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as cause:
            raise error_from(cause, self._target) from cause

    def _administered(self) -> admin_pb_grpc.AdminServiceStub:
        require_one(self._target)
        return self._admin

    def _require_open(self) -> None:
        if self._closed:
            raise closed(self._target)


class TranslateCall:
    """A call under way."""

    def __init__(self, call: Any, num_texts: int, target: str, first: int) -> None:
        self._call = call
        self._num_texts = num_texts
        self._target = target
        self._first = first

    def result(self) -> list[Translation]:
        """Waits for the answer: one translation per text of the call."""
        try:
            response: pb.TranslateResponse = self._call.result()
        except grpc.RpcError as cause:
            raise error_from(cause, self._target, self._first) from cause
        except grpc.FutureCancelledError as cause:
            raise was_cancelled(self._target) from cause
        return translations(response, self._num_texts)

    def cancel(self) -> None:
        self._call.cancel()


class TranslationStream:
    """Pieces of one translation; iterate, and read `result` afterwards.

    Leaving it early with `close`, or as a context manager, frees the server's rows.
    """

    def __init__(self, call: Any, target: str) -> None:
        self._call = call
        self._target = target
        self._record = StreamRecord()

    @property
    def result(self) -> Translation:
        """The whole answer, after the last piece."""
        return self._record.result

    def close(self) -> None:
        self._call.cancel()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            for message in self._call:
                if piece := self._record.take(message):
                    return piece
        except grpc.RpcError as cause:
            raise error_from(cause, self._target) from cause
        self._record.end()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def not_ready(target: str, timeout_s: float) -> OnnxlateError:
    return Unavailable(
        f"no server answered at {target} within {timeout_s:g} s; "
        "start one with `onnxlate serve --listen HOST:PORT`"
    )
