"""Sentences put together by the length of their source."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

# A word ends at a space; where no spaces are written, a character counts as a word,
# as word counters have it: kana, CJK ideographs.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")

NUM_BUCKETS = 5


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sources of `low` to `high` words, both included."""

    low: int
    high: int | None
    """None for the last bucket, which has no upper end."""

    def __contains__(self, num_words: int) -> bool:
        return self.low <= num_words and (self.high is None or num_words <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.low}+" if self.low else "any"
        if self.low == 0:
            return f"≤{self.high}"
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


def words(text: str) -> list[str]:
    return WORD.findall(text)


def buckets(edges: Sequence[int]) -> list[Bucket]:
    """One up to each edge, in words and ascending, and one for all that is longer."""
    lows = [0, *(edge + 1 for edge in edges)]
    return [Bucket(low, high) for low, high in zip(lows, [*edges, None], strict=True)]


def even_edges(sources: Sequence[str]) -> list[int]:
    """Edges that put about as many of these sources into each of five buckets.

    A bucket of few sentences has a score that says little.
    """
    lengths = [len(words(source)) for source in sources]
    if len(lengths) < NUM_BUCKETS:
        return []
    edges = {int(each) for each in quantiles(lengths, n=NUM_BUCKETS)}
    return sorted(edge for edge in edges if 0 < edge < max(lengths))
