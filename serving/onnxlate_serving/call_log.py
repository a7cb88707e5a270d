"""A line of the log for each call, of numbers and names, never of its texts."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

from .caller import host_of

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
"""In a call's metadata: what its caller calls it."""

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


CURRENT: ContextVar[CallRecord | None] = ContextVar("call", default=None)
"""The record of the call that this task answers, where calls are logged."""


def request_id_of(context: Any) -> str:
    """The caller's own for this call, if it is fit for a log, or a random one."""
    if record := CURRENT.get():
        return record.request_id
    given = dict(context.invocation_metadata() or ()).get(REQUEST_ID, "")
    if isinstance(given, str) and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def failure_of_ours(error: Exception, context: Any) -> str:
    """What a caller is told of it: a number, under which the log has the rest."""
    request_id = request_id_of(context)
    log.error(
        "request %s failed",
        request_id,
        exc_info=error,
        extra={"request_id": request_id},
    )
    return f"internal error; request id {request_id}"


@contextmanager
def recorded(method: str, holder: str, context: Any) -> Iterator[CallRecord]:
    """Logs the call when it is over; whoever answers it fills in what it knows.

    `holder` is whose token came with it, "" for none.
    """
    began = time.monotonic()
    caller = holder or host_of(context.peer())
    record = CallRecord(request_id_of(context), method, caller)
    CURRENT.set(record)
    try:
        yield record
    finally:
        # Not reset: a stream that is given up ends in a copy of its context.
        CURRENT.set(None)
        record.seconds = round(time.monotonic() - began, 6)
        facts = {each.name: getattr(record, each.name) for each in fields(record)}
        told = " ".join(f"{name}={fact}" for name, fact in facts.items() if fact != "")
        log.info("call %s", told, extra={"call": facts})
