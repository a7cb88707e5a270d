"""What is told of each call at its end: numbers and names, never its texts."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

from .caller import host_of

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
"""In a call's metadata: what its caller calls it."""

INTERNAL = "internal error; request id"
"""How a caller is told of a failure of ours."""

_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,64}", re.ASCII)


@dataclass
class CallRecord:
    """What is known of a call by its end."""

    request_id: str
    method: str
    caller: str
    """A token's holder, or where the call came from."""
    status: str = ""
    seconds: float = 0.0
    model: str = ""
    """NAME@VERSION, of calls that were answered."""
    texts: int = 0
    source_tokens: int = 0
    target_tokens: int = 0


class Observed:
    """One call, to be told of its first answer."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.first_seconds: float | None = None
        """From its arrival to its first answer; of a stream, the first piece."""
        self.status = "OK"
        """gRPC's name of what it came to, at its end."""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def first_answer(self) -> None:
        if self.first_seconds is None:
            self.first_seconds = self.seconds


Watch = Callable[[Any, Observed], AbstractContextManager[Observed]]
"""Notes what a call comes to, which gRPC's context knows."""

Metadata = Mapping[str, str | bytes]

Witness = Callable[[CallRecord, Observed, Metadata], None]
"""Hears of each call at its end, and what its caller sent with it."""

CURRENT: ContextVar[CallRecord | None] = ContextVar("call", default=None)
"""The record of the call that this task answers, where somebody wants it."""


def id_of_call(context: Any) -> str:
    """The caller's own for this call, if it is fit for a log, or a random one.

    To be asked while the call is there: when its caller has gone, gRPC frees what came
    with it, and does not look whether it has. What is read by then may be anybody's.
    """
    if record := CURRENT.get():
        return record.request_id
    return _request_id(dict(context.invocation_metadata() or ()))


def _request_id(sent: Metadata) -> str:
    given = sent.get(REQUEST_ID, "")
    if isinstance(given, str) and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def failure_of_ours(error: Exception, request_id: str) -> str:
    """What a caller is told of it: a number, under which the log has the rest."""
    log.error(
        "request %s failed",
        request_id,
        exc_info=error,
        extra={"request_id": request_id},
    )
    return f"{INTERNAL} {request_id}"


class Recording:
    """Makes a record of each call and hands it to witnesses when it is over."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses

    @contextmanager
    def of(
        self, method: str, holder: str, context: Any, watch: Watch
    ) -> Iterator[Observed]:
        """Whoever answers the call fills in what it knows.

        `holder` is whose token came with it, "" for none.
        """
        caller = holder or host_of(context.peer())
        metadata = dict(context.invocation_metadata() or ())  # later it may be freed
        record = CallRecord(_request_id(metadata), method, caller)
        observed = Observed()
        CURRENT.set(record)
        try:
            with watch(context, observed):
                yield observed
        finally:
            # Not reset: a stream that is given up ends in a copy of its context.
            CURRENT.set(None)
            record.status = observed.status
            record.seconds = round(observed.seconds, 6)
            for witness in self._witnesses:
                witness(record, observed, metadata)


def log_call(record: CallRecord, observed: Observed, metadata: Metadata) -> None:
    """A line of the log."""
    facts = asdict(record)
    told = " ".join(f"{name}={fact}" for name, fact in facts.items() if fact != "")
    log.info("call %s", told, extra={"call": facts})
