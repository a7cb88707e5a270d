"""The training pairs that are worth learning from, as text on disk.

What comes of them later goes through them several times, and in any order.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import overload

import numpy as np

from .corpus import REPEATED, Pair, cleaned
from .ragged import CHUNK, Ragged, Shelf, ShelfWriter
from .recipe import FilterConfig
from .repeated import digest, firsts

SIDES = ("source-text", "target-text")

BYTES = "u1"


class KeptPairs(Sequence[Pair]):
    """Pairs on disk."""

    def __init__(self, folder: Path) -> None:
        self._sides = [Shelf(folder / side, BYTES) for side in SIDES]

    def __len__(self) -> int:
        return len(self._sides[0])

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        source, target = (side[index].tobytes().decode() for side in self._sides)
        return source, target

    def __iter__(self) -> Iterator[Pair]:
        source, target = self._sides
        for one, other in zip(source, target, strict=True):
            yield one.tobytes().decode(), other.tobytes().decode()


def keep_pairs(
    read: Callable[[], Iterable[Pair]], config: FilterConfig, folder: Path
) -> Counter[str]:
    """Writes what KeptPairs reads, into an existing folder; what was dropped, and why.

    `read` starts anew each time.
    """
    if not config.deduplicate:
        dropped: Counter[str] = Counter()
        _write(cleaned(read(), config, dropped), folder)
        return dropped
    digests = folder / "digests"
    with digests.open("wb") as file:
        for pair in cleaned(read(), config, Counter()):
            file.write(digest("\0".join(pair).encode()))
    first = firsts(digests)
    digests.unlink()
    dropped = Counter()
    pairs = cleaned(read(), config, dropped)
    _write(itertools.compress(pairs, first), folder)
    dropped[REPEATED] += int(len(first) - first.sum())
    return +dropped


def _write(pairs: Iterable[Pair], folder: Path) -> None:
    rest = iter(pairs)
    with ExitStack() as stack:
        files = [stack.enter_context(ShelfWriter(folder / s, BYTES)) for s in SIDES]
        while chunk := list(itertools.islice(rest, CHUNK)):
            for file, lines in zip(files, zip(*chunk, strict=True), strict=True):
                file.add(
                    Ragged.of([np.frombuffer(s.encode(), np.uint8) for s in lines])
                )
