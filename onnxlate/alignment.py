"""Which words of a source stand behind which words of a translation.

Told from cross-attention: what a target token looked at. Which of the layers and heads
tell it best is measured for each model when it is exported (docs/alignment.md).

Axes: L decoder layers, H heads, T target tokens, S source tokens.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .answer import AlignmentLink
from .bundle import AlignmentInfo
from .words import Word

Floats = npt.NDArray[np.float32]

LEAST = 0.2
"""A target word that looked at a source word less than this has no link to it."""

BESIDE_BEST = 0.5
"""Nor has one that looked at it less than this share of what the word's best did: words
with nothing of their own to look at look at what others come from."""


def told(attention: Floats, info: AlignmentInfo) -> Floats:
    """What tells the alignment of all that was seen: (L, H, T + 1, S) -> (T, S).

    The steps are one more than the tokens: the first is fed the beginning and scores
    the first token, the last is fed the last token.
    """
    first = 1 if info.step == "fed" else 0
    rows = slice(first, attention.shape[2] - 1 + first)
    heads = [attention[each.layer, each.head, rows] for each in info.heads]
    return np.asarray(np.mean(heads, axis=0), np.float32)


def between_words(
    looked: Floats, source: Sequence[Word], target: Sequence[Word]
) -> Floats:
    """(T, S) -> how much each target word looked at each source word: from 0 to 1."""
    columns = [looked[:, list(each.tokens)].sum(axis=1) for each in source]
    by_token = np.stack(columns, axis=1)  # (T, source words)
    rows = [by_token[list(each.tokens)].mean(axis=0) for each in target]
    return np.asarray(np.stack(rows).clip(0, 1), np.float32)


def linked(
    looked: Floats, source: Sequence[Word], target: Sequence[Word]
) -> tuple[AlignmentLink, ...]:
    """The links, in order of the target and then of the source."""
    if not (source and target):
        return ()
    found = between_words(looked, source, target)
    kept = (found >= LEAST) & (found >= BESIDE_BEST * found.max(axis=0))
    return tuple(
        AlignmentLink(source[s].span, target[t].span, float(found[t, s]))
        for t, s in np.argwhere(kept)
    )
