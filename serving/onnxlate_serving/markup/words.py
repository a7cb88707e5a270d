"""The words of a translation, and which characters of the source stand behind each."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from onnxlate.answer import AlignmentLink, Span

# Scripts without spaces are cut between characters, or a mark could not stand there.
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff"
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a block's text and what became of it."""

    source: Span
    target: Span
    same: bool
    """Whether not a character has changed."""


@dataclass(slots=True)
class Word:
    """Of the translation; punctuation is a word too."""

    start: int
    end: int
    links: list[tuple[int, int, float]] = field(default_factory=list)
    """Characters `start` to `end` of the source, and how surely."""

    @property
    def weight(self) -> float:
        return sum(each[2] for each in self.links)

    def weight_in(self, start: int, end: int) -> float:
        """As much of it as comes from those characters of the source."""
        return sum(
            p * max(0, min(e, end) - max(s, start)) / (e - s) for s, e, p in self.links
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A block's text and its translation."""

    source: str
    target: str
    pieces: tuple[Piece, ...]
    """In order; they cover both."""
    links: tuple[AlignmentLink, ...]

    def words(
        self, cuts: Iterable[int] = (), source_cuts: Iterable[int] = ()
    ) -> list[Word]:
        """All of the target's, with what is known of where they come from.

        None of them has one of the `cuts` inside. Nor is there one that comes from a
        word with one of the `source_cuts` inside: it is cut as far along as that is,
        since what stands in 10<sup>th</sup> ought to go on standing there.
        """
        words = [Word(*each) for each in spans(self.target, cuts)]
        starts = [word.start for word in words]
        for piece in self.pieces:
            begin = bisect_left(starts, piece.target.start)
            inside = words[begin : bisect_left(starts, piece.target.end)]
            if piece.same:
                by = piece.source.start - piece.target.start
                for word in inside:
                    word.links.append((word.start + by, word.end + by, 1.0))
            else:
                self._link(piece, inside)
        places = sorted(set(source_cuts))
        return [part for word in words for part in self._cut(word, places)]

    def _cut(self, word: Word, places: Sequence[int]) -> list[Word]:
        if not word.links:
            return [word]
        start, end, p = max(word.links, key=lambda link: link[2])
        inside = places[bisect_right(places, start) : bisect_left(places, end)]
        if not inside or not self.source[start:end].isalnum():
            return [word]
        scale = (word.end - word.start) / (end - start)
        parts: list[Word] = []
        at = word.start
        for begin, stop in pairwise([start, *inside, end]):
            until = word.start + round((stop - start) * scale)
            if at < until:
                parts.append(Word(at, until, [(begin, stop, p)]))
                at = until
        return parts

    def _link(self, piece: Piece, words: Sequence[Word]) -> None:
        ours = [
            Word(start + piece.source.start, end + piece.source.start)
            for start, end in spans(piece.source.of(self.source))
        ]
        anchors = self._anchors(ours, words)
        linked = self._given(piece, words)
        if not linked:
            _spread(ours, words, anchors)
        for i, j in anchors:
            # The same word on both sides is surer than what a model looked at.
            words[j].links = [(ours[i].start, ours[i].end, 1.0)]

    def _given(self, piece: Piece, words: Sequence[Word]) -> bool:
        """Links as the model has them; whether there are any."""
        starts = [word.start for word in words]
        any_given = False
        for link in self.links:
            start, end = link.source.start, link.source.end
            if not piece.source.start <= start < end <= piece.source.end:
                continue
            begin = max(0, bisect_left(starts, link.target.start + 1) - 1)
            stop = bisect_left(starts, link.target.end)
            linked = [w for w in words[begin:stop] if w.end > link.target.start]
            sources = self._sources(link.source, len(linked))
            for word, source in zip(linked, sources, strict=True):
                word.links.append((*source, link.probability))
                any_given = True
        return any_given

    def _sources(self, span: Span, num_words: int) -> list[tuple[int, int]]:
        """For each of so many words, what it comes from: "(so)." is four, whatever they
        are for the model."""
        each = spans(span.of(self.source))
        if len(each) != num_words:
            return [(span.start, span.end)] * num_words
        return [(span.start + start, span.start + end) for start, end in each]

    def _anchors(
        self, ours: Sequence[Word], theirs: Sequence[Word]
    ) -> list[tuple[int, int]]:
        """Words that both sides have once and alike, such as names."""
        mine = [self.source[word.start : word.end] for word in ours]
        yours = [self.target[word.start : word.end] for word in theirs]
        once, also = Counter(mine), Counter(yours)
        places = {text: j for j, text in enumerate(yours)}
        return [
            (i, places[text])
            for i, text in enumerate(mine)
            if text[0].isalnum() and once[text] == also[text] == 1
        ]


def spans(text: str, cuts: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Where its words begin and end; none of them has a cut inside."""
    sorted_cuts = sorted(cuts)
    found = []
    for match in _WORD.finditer(text):
        start = match.start()
        index = bisect_left(sorted_cuts, start + 1)
        while index < len(sorted_cuts) and sorted_cuts[index] < match.end():
            found.append((start, sorted_cuts[index]))
            start = sorted_cuts[index]
            index += 1
        found.append((start, match.end()))
    return found


def _spread(
    ours: Sequence[Word], theirs: Sequence[Word], anchors: Sequence[tuple[int, int]]
) -> None:
    """Where nothing is known: as far along there as here, between the anchors."""
    known = [(-1, -1), *_rising(anchors), (len(ours), len(theirs))]
    for (i, j), (next_i, next_j) in pairwise(known):
        n, m = next_i - i - 1, next_j - j - 1
        if not n or not m:
            continue
        for k in range(m):
            _half(ours[i + 1 + (2 * k + 1) * n // (2 * m)], theirs[j + 1 + k])
        for k in range(n):
            _half(ours[i + 1 + k], theirs[j + 1 + (2 * k + 1) * m // (2 * n)])


def _half(source: Word, target: Word) -> None:
    target.links.append((source.start, source.end, 0.5))


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A longest run of them that rises on both sides; the first sides rise already."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(tails, j)
        before.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [j]
        ends[length : length + 1] = [index]
    chain: list[tuple[int, int]] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]
