"""What a translation has to say, and what it has said of that so far.

Each demand is met by one of some sequences of tokens. Progress is read from the tokens
alone, so hypotheses may branch and rows may move as they like.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .candidates import Floats

Tokens = tuple[int, ...]
Bank = tuple[int, int]
"""How many demands are met, and how many tokens of another one are said."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Terms:
    """Words to be said as they are."""

    variants: tuple[tuple[Tokens, ...], ...]
    """Of each term, the sequences of which one is to be said."""

    joining: Bools = field(compare=False, repr=False)
    """(V,) Which tokens go on with the word before them: what such a token follows is
    not said yet, but part of another word."""

    @property
    def num_tokens(self) -> int:
        """At most, all together."""
        return sum(max(map(len, variants)) for variants in self.variants)


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one hypothesis."""

    num_met: int
    unmet: frozenset[int]
    """Which demands are open."""

    leads: Mapping[int, int]
    """Tokens that go on with a demand or begin one, and how many of its tokens are said
    with them; 0 for all of them."""

    latest_word: bool
    """Whether the last token met a demand, unless the next one joins it."""

    num_needed: int
    """How many tokens it takes at most to meet all that is open, from its beginning:
    a half is lost if the next token does not press on."""

    pressing: tuple[int, ...]
    """The leads that go on with what is furthest."""

    def presses(self, room: int) -> bool:
        """Whether so many tokens are just enough for what is needed, and the end."""
        return room <= self.num_needed + 1

    def with_token(self, token: int, joins: bool) -> Bank:
        """How far it is with that token."""
        num_met = self.num_met - (self.latest_word and joins)
        begun = self.leads.get(token)
        if begun is None:
            return num_met, 0
        return (num_met, begun) if begun else (num_met + 1, 0)


class Required:
    """All demands of one request."""

    def __init__(self, once: Sequence[Tokens], terms: Terms | None) -> None:
        """`once` are said exactly once each, or as often as they are in it."""
        self._joining = terms.joining if terms else None
        self._num_once = len(once)
        self._demands: list[tuple[Tokens, ...]] = [(each,) for each in once]
        self._demands += terms.variants if terms else ()
        self._sizes = [max(map(len, variants)) for variants in self._demands]
        self._longest = max(self._sizes, default=0)
        self._by_first: dict[int, list[tuple[Tokens, int]]] = {}
        for index, variants in enumerate(self._demands):
            for variant in variants:
                self._by_first.setdefault(variant[0], []).append((variant, index))
        for ways in self._by_first.values():
            ways.sort(key=lambda way: -len(way[0]))  # the longest match counts

    def __bool__(self) -> bool:
        return bool(self._demands)

    @property
    def last_bank(self) -> Bank:
        """Of who has said all."""
        return len(self._demands), 0

    def joins(self, token: int) -> bool:
        return self._joining is not None and bool(self._joining[token])

    def progress(self, said: Sequence[int]) -> Progress:
        unmet = set(range(len(self._demands)))
        at, begun, latest_word = 0, 0, False
        while at < len(said):
            match = self._match(said, at, unmet)
            if match is None:
                at += 1
                continue
            variant, index = match
            unmet.remove(index)
            at = begun = at + len(variant)
            latest_word = at == len(said) and index >= self._num_once
        ways = self._ways(said[begun:], unmet)
        longest = max((length for length, _, _ in ways), default=0)
        needed = sum(self._sizes[index] for index in unmet)
        return Progress(
            num_met=len(self._demands) - len(unmet),
            unmet=frozenset(unmet),
            leads={token: begun for _, token, begun in ways},
            latest_word=latest_word,
            num_needed=needed,
            pressing=tuple(token for length, token, _ in ways if length == longest),
        )

    def edit(
        self, row: Floats, said: Sequence[int], room: int, eos_id: int
    ) -> Progress:
        """Forbids the end before all is said, and what was said enough: (V,).

        `room` is how many tokens may still be said. When it is just enough for what is
        left, nothing else is allowed.
        """
        progress = self.progress(said)
        if progress.unmet:
            row[eos_id] = -np.inf
        row[self._surplus(said, progress)] = -np.inf
        if progress.latest_word and room <= progress.num_needed + self._longest + 2:
            self.part(row)  # there is no room to say it again
        if progress.unmet and progress.presses(room):
            pressing = list(progress.pressing)
            kept = row[pressing].copy()
            row[:] = -np.inf
            row[pressing] = kept
        return progress

    def part(self, row: Floats) -> None:
        """Forbids what would make another word of the one just said: (V,)."""
        if self._joining is not None:
            row[self._joining] = -np.inf

    def cheapest(self, row: Floats, progress: Progress) -> Tokens:
        """The open demand's sequence whose first token is likeliest."""
        ways = [way for index in sorted(progress.unmet) for way in self._demands[index]]
        return max(ways, key=lambda way: (row[way[0]], -len(way)))

    def _match(
        self, said: Sequence[int], at: int, unmet: set[int]
    ) -> tuple[Tokens, int] | None:
        for variant, index in self._by_first.get(said[at], ()):
            end = at + len(variant)
            if index not in unmet or tuple(said[at:end]) != variant:
                continue
            part = index >= self._num_once and end < len(said) and self.joins(said[end])
            if not part:
                return variant, index
        return None

    def _ways(
        self, said: Sequence[int], unmet: Iterable[int]
    ) -> list[tuple[int, int, int]]:
        """Where open demands go on or begin: after how many tokens of theirs, with
        which token, and whether that one is the last."""
        last = said[-1] if said else None
        ways = []
        for index in unmet:
            for variant in self._demands[index]:
                ways.append((0, variant[0], 1 % len(variant)))
                if last not in variant:
                    continue
                for length in range(1, min(len(variant) - 1, len(said)) + 1):
                    begun = variant[:length]
                    if begun[-1] == last and tuple(said[-length:]) == begun:
                        way = length, variant[length], (length + 1) % len(variant)
                        ways.append(way)
        return sorted(ways)

    def _surplus(self, said: Sequence[int], progress: Progress) -> list[int]:
        """Tokens that would say once more what may be said once."""
        last = []
        for index in range(self._num_once):
            [sequence] = self._demands[index]
            again = sequence not in {self._demands[i][0] for i in progress.unmet}
            before = sequence[:-1]
            begun = not before or tuple(said[-len(before) :]) == before
            if again and begun:
                last.append(sequence[-1])
        return last
