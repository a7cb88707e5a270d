"""How the server writes its log: lines for people, or JSON for those who collect it."""

import atexit
import logging
from contextlib import suppress
from enum import StrEnum
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

from pythonjsonlogger.json import JsonFormatter

from .last_words import say_last_words

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

MAX_RECORDS = 10_000
"""That wait to be written; later ones are lost where nobody reads the log."""


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class _Patient(QueueHandler):
    """Hands records to a thread, and never waits for it.

    Who reads the log may stop; then the pipe is full, and whoever writes to it stands
    still, which must not be the event loop.
    """

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # it stays in the process, and is formatted over there

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            self.queue.put_nowait(record)


def set_up(format: LogFormat, level: LogLevel) -> None:
    """To stderr; whatever was set up before is gone."""
    output = logging.StreamHandler()
    if format is LogFormat.JSON:
        output.setFormatter(
            JsonFormatter(
                ["levelname", "name", "message"],
                rename_fields={"levelname": "level", "name": "logger"},
                timestamp="time",
            )
        )
    else:
        output.setFormatter(logging.Formatter(TEXT))
    queue: Queue[logging.LogRecord | None] = Queue(MAX_RECORDS)
    listener = QueueListener(queue, output)
    listener.start()
    atexit.register(say_last_words, listener.stop)
    logging.basicConfig(level=level.upper(), handlers=[_Patient(queue)], force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """A stream that is cancelled while a message waits for room is no error of ours."""
    return "ExecuteBatchError raised in core" not in record.getMessage()
