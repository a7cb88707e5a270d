"""Many texts over one call, for both clients: what goes out, and what comes back."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

import grpc

from .errors import OnnxlateError
from .messages import CallOptions, Translation, batch_request, effective, translation
from .statuses import error_of, renumbered
from .v1 import translation_pb2 as pb

Outcome = Translation | OnnxlateError

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Feed:
    """The requests of a call, made as gRPC asks for them.

    gRPC would swallow what goes wrong here, so that is kept.
    """

    def __init__(self, options: CallOptions) -> None:
        self._options = options
        self._begun = False
        self.failure: Exception | None = None

    def requests(
        self, texts: Iterable[tuple[int, str]]
    ) -> Iterator[pb.TranslateBatchRequest]:
        try:
            for number, text in texts:
                yield self._request(number, text)
        except Exception as failure:
            self.failure = failure
            raise

    async def requests_from(
        self, texts: AsyncIterable[tuple[int, str]] | Iterable[tuple[int, str]]
    ) -> AsyncIterator[pb.TranslateBatchRequest]:
        try:
            if isinstance(texts, AsyncIterable):
                async for number, text in texts:
                    yield self._request(number, text)
            else:
                for number, text in texts:
                    yield self._request(number, text)
        except Exception as failure:
            self.failure = failure
            raise

    def _request(self, number: int, text: str) -> pb.TranslateBatchRequest:
        # What the first says holds for all.
        options = CallOptions() if self._begun else self._options
        first, self._begun = not self._begun, True
        return batch_request(number, text, options, first)


def outcome(response: pb.TranslateBatchResponse, target: str) -> Outcome:
    """One text's translation, or why there is none."""
    if response.HasField("failure"):
        failure = response.failure
        code = _CODES.get(failure.code, grpc.StatusCode.UNKNOWN)
        # To the server each is the only one; the caller knows it by its number.
        message = renumbered(failure.message, lambda _: f"text {response.id}")
        return error_of(code, message, target)
    return translation(response.result, response, effective(response.options))
