"""Many lines through one server: calls overlap, order stays, memory is bounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from threading import Thread

from onnxlate.client import Client, TranslateCall
from onnxlate.errors import InvalidRequest
from onnxlate.messages import MAX_CALLS, CallOptions, Translation, batches
from onnxlate.statuses import renumbered


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that travel in one call."""

    first: int
    """Number of its first line, counted from 1."""
    lines: list[str]
    call: TranslateCall

    def result(self) -> list[Translation]:
        try:
            return self.call.result()
        except InvalidRequest as error:
            message = renumbered(str(error), lambda i: f"line {self.first + i}")
            raise InvalidRequest(message) from error


def translated(
    client: Client, groups: Iterator[list[str]], options: CallOptions
) -> Iterator[tuple[Batch, list[Translation]]]:
    """Sends lines as they arrive and yields translations as they come back.

    Reading has a thread of its own: whoever types line by line sees each translation
    before the next line, and whoever pipes a file never waits for its reading.
    """
    sent: Queue[Batch | Exception | None] = Queue(maxsize=MAX_CALLS)

    def send() -> None:
        first = 1
        try:
            for group in groups:
                for lines in batches(group):
                    call = client.start(lines, **options)
                    sent.put(Batch(first, lines, call))
                    first += len(lines)
            sent.put(None)
        except Exception as error:
            sent.put(error)

    # A daemon, because nothing can wake it from reading a terminal at the end.
    Thread(target=send, daemon=True, name="reader").start()
    while (batch := sent.get()) is not None:
        if isinstance(batch, Exception):
            raise batch
        yield batch, batch.result()
