"""Long texts in parts that a server takes, cut where nothing is torn."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_PART_BYTES = 48 * 1024
"""UTF-8 bytes of one part. Servers take 64 KiB in one text unless told otherwise."""

# Where a block that is too long is cut all the same, from the best place to the worst.
_WITHIN = (re.compile(r"\n"), re.compile(r"[.!?…。！？]\s+"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class Joint:
    """A place between two blocks."""

    at: int
    """Index of the first character behind it."""
    depth: int = 0
    """How many elements are open there; the text is rather cut where it is few."""


def parts(text: str, joints: Sequence[Joint], wanted_bytes: int) -> list[str]:
    """They concatenate to the text; most are a little smaller than wanted.

    A block that is larger than wanted stays whole, up to MAX_PART_BYTES. The joints
    stand in order.
    """
    found: list[str] = []
    start = 0
    while start < len(text):
        end = _end(text, start, joints, wanted_bytes)
        found += _small_enough(text[start:end])
        start = end
    return found


def _end(text: str, start: int, joints: Sequence[Joint], wanted_bytes: int) -> int:
    """Where the part that begins at `start` ends."""
    window = _prefix(text[start : start + wanted_bytes], wanted_bytes)
    reach = start + len(window)
    if reach == len(text):
        return reach
    first = bisect_right(joints, start, key=_place)
    behind = bisect_right(joints, reach, key=_place)
    within = joints[first:behind]
    if within:
        late = [joint for joint in within if joint.at > start + len(window) // 2]
        best = min(late or within, key=lambda joint: (joint.depth, -joint.at))
        return best.at
    return joints[behind].at if behind < len(joints) else len(text)


def _place(joint: Joint) -> int:
    return joint.at


def _small_enough(block: str) -> Iterator[str]:
    while len(block.encode()) > MAX_PART_BYTES:
        window = _prefix(block[:MAX_PART_BYTES], MAX_PART_BYTES)
        end = len(window)
        for pattern in _WITHIN:
            if ends := [match.end() for match in pattern.finditer(window)]:
                end = ends[-1]
                break
        yield block[:end]
        block = block[end:]
    if block:
        yield block


def _prefix(text: str, max_bytes: int) -> str:
    """As many characters as the bytes allow, at least one."""
    return text.encode()[:max_bytes].decode(errors="ignore") or text[:1]
