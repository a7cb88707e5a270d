"""Word alignments to compare with, made of nothing but parallel text.

IBM Model 1 (Brown et al. 1993) with a prior for the diagonal, as in fast_align (Dyer et
al. 2013), learnt in both directions. A link stands where both are sure of it: few, and
nearly all of them right, and of a kind that has nothing to do with attention.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from onnxlate.answer import Span
from onnxlate.words import Word, words_of

Floats = npt.NDArray[np.float64]

ITERATIONS = 6
STEEPNESS = 4.0
"""How much likelier the diagonal is than what is far from it."""
NOTHING = 0.08
"""How likely a word comes from none."""
SURE = 0.6
"""Probability that both directions must see."""
STEM = 5
"""Letters by which words are told apart: inflections share what they learn."""

Pair = tuple[list[Word], list[Word]]
Links = set[tuple[int, int]]
"""Which word of the source is which of the target."""


def words(text: str) -> list[Word]:
    """As finely cut as words are."""
    return words_of(text, [Span(at, at + 1) for at in range(len(text))])


def silver_links(texts: Sequence[tuple[str, str]], wanted: int) -> list[Links]:
    """Of the first `wanted` pairs of texts; the others are there to learn from."""
    numbers: dict[tuple[int, str], int] = {}
    pairs: list[tuple[list[int], list[int]]] = []
    for pair in texts:
        sides = []
        for side, text in enumerate(pair):
            stems = (each.span.of(text).lower()[:STEM] for each in words(text))
            sides.append(
                [numbers.setdefault((side, s), 1 + len(numbers)) for s in stems]
            )
        pairs.append((sides[0], sides[1]))
    there = _posteriors(pairs, wanted)
    back = _posteriors([(target, source) for source, target in pairs], wanted)
    return [
        {(int(s), int(t)) for t, s in np.argwhere((one > SURE) & (other.T > SURE))}
        for one, other in zip(there, back, strict=True)
    ]


def _posteriors(
    pairs: Sequence[tuple[list[int], list[int]]], wanted: int
) -> Iterator[Floats]:
    """How likely each target word comes from each source word: (target, source)."""
    vocabulary = 1 + max(max((*s, *t), default=0) for s, t in pairs)
    keys, priors, sizes = [], [], []
    for source, target in pairs:
        if not (source and target):
            continue
        from_ids = np.array([*source, 0]) * vocabulary
        for place, word in enumerate(target):
            keys.append(from_ids + word)
            priors.append(_prior(len(source), place / len(target)))
            sizes.append(len(source) + 1)
    seen, where = np.unique(np.concatenate(keys), return_inverse=True)
    prior, lengths = np.concatenate(priors), np.array(sizes)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    chances = np.ones(len(seen))
    for _ in range(ITERATIONS):
        shares = _shares(chances[where] * prior, starts, lengths)
        counts = np.bincount(where, shares, minlength=len(seen)) + 1e-3
        sources = seen // vocabulary
        chances = counts / np.bincount(sources, counts)[sources]
    rows = iter(np.split(_shares(chances[where] * prior, starts, lengths), starts[1:]))
    for source, target in pairs[:wanted]:
        found = np.zeros((len(target), len(source)))
        if source and target:
            found[:] = [next(rows)[:-1] for _ in target]
        yield found


def _prior(length: int, place: float) -> Floats:
    """Of each source word, and of none, for a target word at a place from 0 to 1."""
    near = np.exp(-STEEPNESS * np.abs(np.arange(length) / length - place))
    return np.append(near / near.sum() * (1 - NOTHING), NOTHING)


def _shares(
    weights: Floats, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> Floats:
    sums: Floats = np.add.reduceat(weights, starts)
    return np.asarray(weights / np.repeat(sums, lengths), np.float64)
