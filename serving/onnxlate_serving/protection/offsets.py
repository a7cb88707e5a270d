"""Where the characters of a text are, once parts of it gave way to others."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from onnxlate.answer import Span


@dataclass(frozen=True, slots=True)
class Swap:
    """What stood `here` in one text stands `there` in the other."""

    here: Span
    there: Span
    resumed: int
    """Where the other goes on with what is the same in both."""

    def turned(self) -> "Swap":
        return Swap(self.there, self.here, self.here.end)


class OffsetMap:
    """From a text to another that differs in some places."""

    def __init__(self, swaps: Iterable[Swap]) -> None:
        """`swaps` in order; what stands between them is in both texts."""
        self._swaps = tuple(swaps)
        self._starts = [each.here.start for each in self._swaps]
        self._ends = [each.here.end for each in self._swaps]

    def span(self, span: Span) -> Span:
        """Who has a part of what was swapped has the whole of what is there now."""
        if span.start == span.end:
            point = self._end(span.end)
            return Span(point, point)
        return Span(self._start(span.start), self._end(span.end))

    def _start(self, at: int) -> int:
        before = bisect_right(self._starts, at)
        if before and at < self._ends[before - 1]:
            return self._swaps[before - 1].there.start
        return self._shifted(at, before)

    def _end(self, at: int) -> int:
        before = bisect_left(self._starts, at)
        if before and at <= self._ends[before - 1]:
            return self._swaps[before - 1].there.end
        return self._shifted(at, before)

    def _shifted(self, at: int, before: int) -> int:
        if not before:
            return at
        last = self._swaps[before - 1]
        return at - last.here.end + last.resumed


class Rewriter:
    """Writes a text anew, part by part, and keeps where everything went."""

    def __init__(self, text: str) -> None:
        self._old = text
        self._done = 0
        self._parts: list[str] = []
        self._size = 0
        self._swaps: list[Swap] = []

    @property
    def last(self) -> str:
        """The last part that was written."""
        return self._parts[-1] if self._parts else ""

    def copy(self, until: int) -> None:
        """Takes over the old text as far as there."""
        self.write(self._old[self._done : until])
        self._done = until

    def write(self, new: str) -> None:
        if new:
            self._parts.append(new)
            self._size += len(new)

    def copied(self, old: Span) -> Span:
        """Takes over a part of the old text, and what is before; where it is now."""
        self.copy(old.end)
        return Span(self._size - (old.end - old.start), self._size)

    def swap(self, old: Span, new: str, blank_behind: str = "") -> Span:
        """Takes over what is before `old`, then puts `new` in its place.

        Returns where that is.
        """
        self.copy(old.start)
        there = Span(self._size, self._size + len(new))
        self.write(new)
        self.write(blank_behind)
        self._swaps.append(Swap(old, there, self._size))
        self._done = old.end
        return there

    def finish(self) -> str:
        """The new text."""
        self.copy(len(self._old))
        return "".join(self._parts)

    def to_new(self) -> OffsetMap:
        return OffsetMap(self._swaps)

    def to_old(self) -> OffsetMap:
        """Of a text that nothing was written into."""
        return OffsetMap(each.turned() for each in self._swaps)
