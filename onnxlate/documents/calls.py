"""Texts in calls: which to send next, and what to make of a refusal."""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from onnxlate.errors import InvalidRequest
from onnxlate.messages import MAX_TEXTS, CallOptions, Translation
from onnxlate.statuses import renumbered

CALL_BYTES = 4 * 1024
"""UTF-8 bytes of the texts in one call, if it is not one text: what a slow machine
translates in a few seconds, so that the journal grows and the bar moves."""

MAX_UNDER_WAY = 2
"""Calls: one has sentences enough for every row of a server, and each more would wait
for the others while its time runs."""

ENOUGH_REFUSALS = 3
"""As many texts refused for one reason, and none taken: it is not the texts."""

_OF_LENGTH = re.compile(r"\b(long|bytes|tokens|characters)\b")
"""Words of a reason that another text need not have."""


@dataclass(frozen=True, slots=True)
class Call:
    texts: list[str]
    options: CallOptions


Outcome = Sequence[Translation] | InvalidRequest
"""A translation for each text of a call, or why the server refuses it."""


class Calls:
    """Each text once, in order, a few calls at a time and none of them large.

    `timeout_s` of the options is for CALL_BYTES; a longer text gets as much more.
    """

    def __init__(
        self, texts: Sequence[str], options: CallOptions, *, trusted: bool
    ) -> None:
        """`trusted`: whether the server has taken such a call before."""
        self.refused: dict[str, InvalidRequest] = {}
        self._options = options
        self._waiting = deque(_batches(texts))
        self._again: deque[list[str]] = deque()
        self._trusted = trusted

    def next(self, num_under_way: int) -> Call | None:
        """What to send now; None while others must be answered first, or at the end."""
        # The first goes alone: it may be refused for what holds of all of them.
        if num_under_way and not self._trusted:
            return None
        if not (self._again or self._trusted):
            self._give_up_if_hopeless()
        queue = self._again or self._waiting
        if not queue:
            return None
        size = _size(queue[0])
        # A long text goes alone.
        if num_under_way >= (MAX_UNDER_WAY if size <= CALL_BYTES else 1):
            return None
        return Call(queue.popleft(), _with_time_for(size, self._options))

    def take(self, call: Call, outcome: Outcome) -> dict[str, Translation]:
        """The translations in it, by their texts."""
        if not isinstance(outcome, InvalidRequest):
            self._trusted = True
            return dict(zip(call.texts, outcome, strict=True))
        if len(call.texts) == 1:
            reason = renumbered(str(outcome), lambda _: "it")
            self.refused[call.texts[0]] = InvalidRequest(reason)
        else:
            # One of them is to blame, and the others are not.
            self._again.extend([text] for text in call.texts)
        return {}

    def _give_up_if_hopeless(self) -> None:
        if _hopeless(self.refused.values()):
            reason = next(iter(self.refused.values()))
            left = [text for batch in self._waiting for text in batch]
            self.refused.update(dict.fromkeys(left, reason))
            self._waiting.clear()


def _hopeless(refusals: Collection[InvalidRequest]) -> bool:
    """Whether what was refused, and why, lets nothing be hoped for other texts."""
    reasons = {re.sub(r"\d+", "", str(each)) for each in refusals}
    of_length = any(_OF_LENGTH.search(each) for each in reasons)
    return len(refusals) >= ENOUGH_REFUSALS and len(reasons) == 1 and not of_length


def _with_time_for(size: int, options: CallOptions) -> CallOptions:
    timeout_s = options.get("timeout_s")
    if timeout_s is None or size <= CALL_BYTES:
        return options
    longer: CallOptions = {**options, "timeout_s": timeout_s * size / CALL_BYTES}
    return longer


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    num_bytes = 0
    for text in texts:
        size = len(text.encode())
        if batch and (len(batch) == MAX_TEXTS or num_bytes + size > CALL_BYTES):
            yield batch
            batch, num_bytes = [], 0
        batch.append(text)
        num_bytes += size
    if batch:
        yield batch


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)
