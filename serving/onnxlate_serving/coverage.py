"""Which of a beam's hypotheses leaves least of its source out.

Wu et al. 2016, equation 14: to a hypothesis's score is added, times the coverage
penalty, the sum over source tokens of log(min(attention they had, 1)). There it has a
say in every step; decoders made for speed give no attention, so here it has one where
the search has ended, among the hypotheses that it found.

Axes: L layers, H heads, T target tokens, S source tokens.
"""

from collections.abc import Sequence

import numpy as np

from onnxlate.alignment import Floats, told
from onnxlate.bundle import AlignmentInfo
from onnxlate.finish import FinishReason
from onnxlate.search import Hypothesis

from .looking import Looking

LEAST = 1e-4
"""Attention of a token that nobody looked at; the logarithm of nothing is no number."""


class Coverage:
    """Of one model."""

    def __init__(self, looking: Looking, num_before: int) -> None:
        """`num_before` tokens stand before every source, and mean no word of it."""
        self._looking = looking
        self._num_before = num_before

    async def ranked(
        self,
        source_ids: Sequence[int],
        hypotheses: Sequence[Hypothesis],
        penalty: float,
    ) -> tuple[Hypothesis, ...]:
        """The best first; one that has ended stays before one that was cut off.

        Scores remain as they are. Raises Overloaded and Unavailable.
        """
        info = self._looking.info.alignment

        def tell(seen: Sequence[Floats]) -> list[float]:
            return [covered(each, info, self._num_before) for each in seen]

        said = [each.tokens for each in hypotheses]
        found = await self._looking.look(source_ids, said, tell)
        order = sorted(
            range(len(hypotheses)),
            key=lambda at: (
                hypotheses[at].finish_reason is FinishReason.LENGTH,
                -(hypotheses[at].score + penalty * found[at]),
            ),
        )
        return tuple(hypotheses[at] for at in order)


def covered(attention: Floats, info: AlignmentInfo, num_before: int) -> float:
    """(L, H, T + 1, S) -> the sum of logarithms: 0 if all was looked at, or less.

    The end of the source is no word of it, either.
    """
    looked = told(attention, info)[:, num_before:-1]  # (T, words)
    return float(np.log(looked.sum(axis=0).clip(LEAST, 1)).sum())
