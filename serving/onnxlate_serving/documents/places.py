"""From places in a sentence to places in the whole text."""

from bisect import bisect_right
from collections.abc import Sequence

from onnxlate.answer import Span


class Places:
    """A sentence's place in a text, and where the text has more or less than it."""

    def __init__(
        self,
        start: int,
        end: int,
        changes: Sequence[tuple[int, int]] = (),
        before: int = 0,
    ) -> None:
        """Nothing is in front of `start` or behind `end`; so many characters of the
        sentence come `before` the one that stands at `start`, and are not there. Each
        change is a place from which on the text is so many characters longer than the
        sentence."""
        self._start, self._end, self._before = start, end, before
        self._from = [place for place, _ in changes]
        self._by = [0]
        for _, by in changes:
            self._by.append(self._by[-1] + by)

    def __call__(self, place: int) -> int:
        by = self._by[bisect_right(self._from, place)]
        return min(self._end, self._start + max(0, place + by - self._before))

    def span(self, span: Span) -> Span:
        return Span(self(span.start), self(span.end))
