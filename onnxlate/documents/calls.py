"""Texts through a server: a few calls at a time, none of them large."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from onnxlate.client import Client, TranslateCall
from onnxlate.errors import InvalidRequest
from onnxlate.messages import MAX_TEXTS, CallOptions, Translation
from onnxlate.statuses import renumbered

CALL_BYTES = 4 * 1024
"""UTF-8 bytes of the texts in one call, if it is not one text: what a slow machine
translates in a few seconds, so that the journal grows and the bar moves."""

MAX_UNDER_WAY = 2
"""Calls: one has sentences enough for every row of a server, and each more would wait
for the others while its time runs."""


def answered(
    client: Client, texts: Sequence[str], options: CallOptions
) -> Generator[list[tuple[str, Translation | InvalidRequest]]]:
    """Each text with its translation, or with why the server refuses it.

    In order, a few at a time, as they come. `timeout_s` is for CALL_BYTES; a text that
    is longer gets as much more.
    """
    under_way: deque[tuple[list[str], TranslateCall]] = deque()
    try:
        for batch in _batches(texts):
            size = _size(batch)
            # A long text goes alone.
            while len(under_way) >= (MAX_UNDER_WAY if size <= CALL_BYTES else 1):
                yield _result(client, *under_way.popleft(), options)
            call = client.start(batch, **_with_time_for(size, options))
            under_way.append((batch, call))
        while under_way:
            yield _result(client, *under_way.popleft(), options)
    finally:
        for _, call in under_way:  # none, unless one before them failed
            call.cancel()


def _with_time_for(size: int, options: CallOptions) -> CallOptions:
    timeout_s = options.get("timeout_s")
    if timeout_s is None or size <= CALL_BYTES:
        return options
    longer: CallOptions = {**options, "timeout_s": timeout_s * size / CALL_BYTES}
    return longer


def _result(
    client: Client, batch: list[str], call: TranslateCall, options: CallOptions
) -> list[tuple[str, Translation | InvalidRequest]]:
    try:
        return list(zip(batch, call.result(), strict=True))
    except InvalidRequest as error:
        if len(batch) == 1:
            reason = renumbered(str(error), lambda _: "it")
            return [(batch[0], InvalidRequest(reason))]
    # One of them is to blame, and the others are not.
    return [
        answer
        for text in batch
        for answer in _result(client, [text], client.start([text], **options), options)
    ]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        full = len(batch) == MAX_TEXTS or _size([*batch, text]) > CALL_BYTES
        if batch and full:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)
