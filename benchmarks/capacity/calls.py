"""What a call costs a replica, all in all, and what of that is not the engine's."""

import time
from collections.abc import Sequence
from statistics import fmean

from ..endurance.target import Target
from .costs import Costs, Sentence
from .figures import CallCost
from .replicas import Callers, Spent

CALLERS = (1, 8, 64)
"""Each with one call at a time."""

QUIET_S = 0.3


def call_costs(
    target: Target,
    callers: Callers,
    costs: Costs,
    sentences: Sequence[Sentence],
    words: float,
    seconds: float,
) -> list[CallCost]:
    """One after the other; `words` are those of a text on average."""
    callers.closed_loop(max(CALLERS), 1.0)  # what grows with it, grows now
    tokens = fmean(each.source_tokens for each in sentences)
    made = []
    for number in CALLERS:
        time.sleep(QUIET_S)
        before = Spent.by([target])
        calls = callers.closed_loop(number, seconds)
        spent = Spent.by([target]).since(before)
        expected = engine_seconds(spent, costs, calls, tokens)
        made.append(
            CallCost(
                callers=number,
                calls_a_second=calls / spent.seconds,
                cpu_ms=1000 * spent.cpu / calls,
                engine_ms=1000 * spent.engines_cpu / calls,
                expected_ms=1000 * expected / calls,
                word_us=1e6 * spent.cpu / calls / words,
                sentences_a_step=spent.rows / spent.steps / costs.beam_size,
                callers_ms=1000 * spent.callers_cpu / calls,
                cores=spent.cpu / spent.seconds,
            )
        )
    return made


def engine_seconds(spent: Spent, costs: Costs, calls: int, tokens: float) -> float:
    """Of the steps that were made by themselves, as if all had been equally full."""
    sentences = spent.rows / spent.steps / costs.beam_size
    joined = costs.join * min(calls, spent.steps) + costs.source_token * tokens * calls
    return spent.steps * costs.seconds(round(sentences)) + joined
