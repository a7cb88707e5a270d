"""Placeholders in an answer that stand for nothing in its source.

Models that were trained with placeholders say one of themselves now and then, where
they have learnt that one often stands. Only then is a sentence searched for once more,
since a search with rules takes longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from .result_cache import Answer, Question
from .vocabulary import Vocabulary
from .wording import Prefix, Unsaid


class Strays:
    """Knows a model's placeholders."""

    def __init__(
        self,
        source_ids: Mapping[str, int],
        target_ids: Mapping[str, int],
        vocabulary: Vocabulary,
    ) -> None:
        """`source_ids` and `target_ids` are by placeholder."""
        self._sources = {
            token: source_ids.get(symbol) for symbol, token in target_ids.items()
        }
        self._vocabulary = vocabulary

    def of(self, question: Question) -> frozenset[int]:
        """The tokens that are of no use to an answer."""
        given = set(question.source_ids)
        prefixes = (rule for rule in question.options.rules if isinstance(rule, Prefix))
        begun = {token for each in prefixes for token in chain(each.forced, *each.rest)}
        return frozenset(
            token
            for token, source in self._sources.items()
            if source not in given and token not in begun
        )

    def asked_again(
        self, question: Question, answer: Answer, told: Sequence[int] = ()
    ) -> Question | None:
        """The question for an answer without any; None if this one has none.

        So much was `told` of the answer already.
        """
        if all(self._sources.keys().isdisjoint(each.tokens) for each in answer):
            return None
        strays = self.of(question)
        if all(strays.isdisjoint(each.tokens) for each in answer):
            return None
        options = question.options
        if options.beam_size == 1:  # up to there nothing is wrong
            told = before(answer[0].tokens, strays)
        begun = Prefix("", tuple(told), (), self._vocabulary)
        unsaid = Unsaid(tuple(sorted(strays)))
        options = replace(options, rules=(begun, unsaid, *options.rules))
        return replace(question, options=options)


def before(tokens: Sequence[int], strays: frozenset[int]) -> Sequence[int]:
    """Those before the first stray."""
    return next((tokens[:at] for at, t in enumerate(tokens) if t in strays), tokens)
