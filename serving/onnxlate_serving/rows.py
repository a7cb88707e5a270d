"""Which rows of the decode batch belong to whom.

Live rows stand compactly in front, so that the decoder runs over nothing else. All
decisions are made here, in plain Python; decoder_state.py then moves the arrays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .request import Request


@dataclass(frozen=True, slots=True)
class RowCopy:
    """Row `destination` becomes what row `source` is; to be done in the order given."""

    source: int
    destination: int

    whole: bool
    """Whether the source sentence differs too, not only the target so far."""


class Rows:
    """Rows by request, in the order of the request's live hypotheses."""

    def __init__(self) -> None:
        self._rows: dict[Request, list[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Request]:
        return iter(self._rows)

    def of(self, request: Request) -> list[int]:
        return self._rows[request]

    def join(self, request: Request) -> int:
        """The row behind the last one, which is the newcomer's from now on."""
        row = self._count
        self._rows[request] = [row]
        self._count += 1
        return row

    def rearrange(self, parents: Mapping[Request, Sequence[int]]) -> list[RowCopy]:
        """Makes room for the next generation of hypotheses; what has to be copied.

        `parents` says, for each new hypothesis of a request, which of its present
        ones it continues; who is not in there, or has none, leaves. As much as
        possible stays where it is: a hypothesis keeps its parent's row, and only a
        parent's second child takes another, which nobody continues.
        """
        copies: list[RowCopy] = []
        free: list[int] = []
        homeless: list[tuple[list[int], int, int]] = []  # rows, index in it, source
        for request, old in list(self._rows.items()):
            if len(old) == 1 and parents.get(request) == (0,):
                continue  # greedy search, the common case, stays put
            del self._rows[request]
            spare = set(old)
            new = []
            waiting = []
            for index, parent in enumerate(parents.get(request, ())):
                row = old[parent]
                if row in spare:
                    spare.remove(row)
                else:
                    waiting.append((index, row))
                new.append(row)
            left = sorted(spare)
            for index, row in waiting:
                if left:
                    new[index] = left.pop(0)
                    copies.append(RowCopy(row, new[index], whole=False))
                else:
                    homeless.append((new, index, row))
            free += left
            if new:
                self._rows[request] = new
        free.sort()
        for rows, index, source in homeless:
            rows[index] = free.pop(0) if free else self._append()
            copies.append(RowCopy(source, rows[index], whole=True))
        return copies + self._close_gaps(free)

    def _append(self) -> int:
        self._count += 1
        return self._count - 1

    def _close_gaps(self, free: Sequence[int]) -> list[RowCopy]:
        """The last rows move to the free ones in front of them."""
        self._count -= len(free)
        gaps = [row for row in free if row < self._count]
        if not gaps:
            return []
        copies = []
        for rows in self._rows.values():
            for index, row in enumerate(rows):
                if row >= self._count:
                    rows[index] = gaps.pop(0)
                    copies.append(RowCopy(row, rows[index], whole=True))
        return copies
