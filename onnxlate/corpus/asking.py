"""A few lines through a server that may be away for a while, or refuse some of them."""

import time
from collections.abc import Callable, Sequence
from threading import Event, Lock

from onnxlate.channel import MAX_MESSAGE_BYTES
from onnxlate.documents.journal import Doubt
from onnxlate.documents.work import doubts_of
from onnxlate.errors import (
    ConfigError,
    DeadlineExceeded,
    InvalidRequest,
    OnnxlateError,
    Overloaded,
    ServerFailure,
    Unavailable,
)
from onnxlate.messages import CallOptions, Translation, batches
from onnxlate.parallel_text import one_line
from onnxlate.statuses import renumbered

from .shelf import UNTRANSLATED, Line

Translate = Callable[[list[str], CallOptions], Sequence[Translation]]
"""One call; a client has the quick retries already."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0

MOST_FAILURES = 32
"""As many texts in a row with which the server failed, and it is not the texts."""


class Stopped(Exception):
    """Somebody else has failed, or the user has enough."""


class Asking:
    """Shared by threads."""

    def __init__(
        self,
        translate: Translate,
        options: CallOptions,
        digest: str,
        patience_s: float,
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`digest` is the bundle's whose answers are wanted; `hang_up` ends calls."""
        self._translate = translate
        self._options = options
        self._digest = digest
        self._patience_s = patience_s
        self._lock = Lock()
        self._well_at = time.monotonic()
        self._failures = 0
        self._hang_up = hang_up
        self._stopping = Event()

    def stop(self) -> None:
        """From now on `lines` raises Stopped, also where it is under way."""
        self._stopping.set()
        self._hang_up()

    def lines(self, texts: list[str]) -> list[Line]:
        """What each text comes to; one that the server refuses, to an empty line.

        Raises what ends the whole job.
        """
        sent = [text for text in texts if _worth_sending(text)]
        # Long lines may be more than one message carries.
        answers = iter([line for call in batches(sent) for line in self._answers(call)])
        return [
            next(answers) if _worth_sending(text) else _unsent(text) for text in texts
        ]

    def _answers(self, texts: list[str]) -> list[Line]:
        try:
            return [self._line(each) for each in self._patiently(texts)]
        except (InvalidRequest, ServerFailure) as error:
            if len(texts) == 1:
                return [self._given_up(error)]
        # One of them is to blame, and the others are not.
        return [line for text in texts for line in self._answers([text])]

    def _given_up(self, error: OnnxlateError) -> Line:
        if isinstance(error, ServerFailure):
            with self._lock:
                self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise ServerFailure(
                    f"{error}, and so it did with {self._failures} texts in a row; "
                    "see to the server, and the same command goes on"
                ) from error
        return _refused(renumbered(str(error), lambda _: "it"))

    def _line(self, translation: Translation) -> Line:
        if translation.digest != self._digest:
            raise ConfigError(
                f"a server answered with {translation.model}@{translation.version} "
                f"{translation.digest}, and the job is {self._digest}'s; the same "
                "command goes on when all servers have that again"
            )
        return Line(one_line(translation.text), doubts_of(translation))

    def _patiently(self, texts: list[str]) -> Sequence[Translation]:
        pause_s = FIRST_PAUSE_S
        while True:
            if self._stopping.is_set():
                raise Stopped
            try:
                answers = self._translate(texts, self._options)
            except (Unavailable, Overloaded, DeadlineExceeded) as error:
                if time.monotonic() - self._well_at > self._patience_s:
                    raise type(error)(
                        f"{error}; no answer has come for {self._patience_s:g} s, and "
                        "the same command goes on from here"
                    ) from error
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            with self._lock:
                self._well_at = time.monotonic()
                self._failures = 0
            return answers


def _worth_sending(text: str) -> bool:
    return bool(text.strip()) and len(text.encode()) <= MAX_MESSAGE_BYTES


def _unsent(text: str) -> Line:
    if not text.strip():
        return Line("")
    return _refused(f"it is longer than {MAX_MESSAGE_BYTES} bytes")


def _refused(reason: str) -> Line:
    return Line("", (Doubt(UNTRANSLATED, reason, 0),))
