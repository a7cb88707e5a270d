"""Long texts in parts that a server takes, cut where nothing is torn."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PART_BYTES = 4 * 1024
"""UTF-8 bytes wanted in a part: what is lost when a translation is killed, one step of
its bar, and seconds of a slow machine's time."""

MAX_PART_BYTES = 48 * 1024
"""UTF-8 bytes of the largest. Servers take 64 KiB in one text unless told otherwise."""

# Where a block that is too long is cut all the same, from the best place to the worst.
_WITHIN = (re.compile(r"\n"), re.compile(r"[.!?…。！？]\s+"), re.compile(r"\s+"))

# No words, but pictures and keys, written in letters.
_ENCODED = re.compile(r"[!-~]{4096,}")

Range = tuple[int, int]
"""Index of a first character, and that behind a last one."""


@dataclass(frozen=True, slots=True)
class Joint:
    """A place between two blocks."""

    at: int
    """Index of the first character behind it."""
    depth: int = 0
    """How many elements are open there; the text is rather cut where it is few."""


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    copied: bool = False
    """Whether there is nothing to translate in it."""


def parts(
    text: str,
    joints: Sequence[Joint],
    wanted_bytes: int,
    copied: Sequence[Range] = (),
    gaps: Sequence[int] = (),
) -> list[Part]:
    """They concatenate to the text; most are a little smaller than wanted.

    A block that is larger than wanted stays whole, up to MAX_PART_BYTES; above, it is
    cut at one of the gaps, or where sentences seem to end. Joints, ranges that are
    copied and gaps stand in order.
    """
    found: list[Part] = []
    at = 0
    for start, end in [*copied, (len(text), len(text))]:
        for block in _cut(text, (at, start), joints, wanted_bytes):
            found += [Part(text[a:b]) for a, b in _small_enough(text, block, gaps)]
        if start < end:
            found.append(Part(text[start:end], copied=True))
        at = end
    return found


def encoded(text: str) -> list[Range]:
    """Where there are no words, however long the text is."""
    return [match.span() for match in _ENCODED.finditer(text)]


def _cut(
    text: str, within: Range, joints: Sequence[Joint], wanted_bytes: int
) -> Iterator[Range]:
    start, stop = within
    while start < stop:
        end = _end(text, start, stop, joints, wanted_bytes)
        yield start, end
        start = end


def _end(
    text: str, start: int, stop: int, joints: Sequence[Joint], wanted_bytes: int
) -> int:
    """Where the part that begins at `start` ends."""
    window = _prefix(text[start : min(start + wanted_bytes, stop)], wanted_bytes)
    reach = start + len(window)
    if reach == stop:
        return stop
    first = bisect_right(joints, start, key=_place)
    behind = bisect_right(joints, reach, key=_place)
    if within := joints[first:behind]:
        late = [joint for joint in within if joint.at > start + len(window) // 2]
        best = min(late or within, key=lambda joint: (joint.depth, -joint.at))
        return best.at
    return min(joints[behind].at, stop) if behind < len(joints) else stop


def _place(joint: Joint) -> int:
    return joint.at


def _small_enough(text: str, block: Range, gaps: Sequence[int]) -> Iterator[Range]:
    start, stop = block
    while len(text[start:stop].encode()) > MAX_PART_BYTES:
        window = _prefix(text[start : start + MAX_PART_BYTES], MAX_PART_BYTES)
        behind = bisect_right(gaps, start + len(window))
        if behind and gaps[behind - 1] > start:
            end = gaps[behind - 1]
        else:
            end = start + _last_end(window)
        yield start, end
        start = end
    if start < stop:
        yield start, stop


def _last_end(window: str) -> int:
    for pattern in _WITHIN:
        if ends := [match.end() for match in pattern.finditer(window)]:
            return ends[-1]
    return len(window)


def _prefix(text: str, max_bytes: int) -> str:
    """As many characters as the bytes allow, at least one."""
    return text.encode()[:max_bytes].decode(errors="ignore") or text[:1]
