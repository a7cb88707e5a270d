"""Changes to a text that leave every other character where it was."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import AnyStr, Generic


@dataclass(frozen=True, slots=True)
class Patch(Generic[AnyStr]):
    """What is to stand between `start` and `end` instead."""

    start: int
    end: int
    new: AnyStr


def patched(text: AnyStr, patches: Iterable[Patch[AnyStr]]) -> AnyStr:
    """The text with every patch in it; they may come in any order."""
    pieces: list[AnyStr] = []
    done = 0
    for patch in sorted(patches, key=lambda patch: patch.start):
        if patch.start < done:
            raise ValueError(f"two patches touch position {patch.start}")
        pieces += [text[done : patch.start], patch.new]
        done = patch.end
    pieces.append(text[done:])
    return text[:0].join(pieces)
