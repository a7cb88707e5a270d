"""Gives the model the text as it is, and looks whether it copied the items."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from onnxlate.answer import ProtectedItem, Span

from ..options import TranslateOptions
from ..translation import TranslatedHypothesis, Translation
from .aside import moved
from .case import Ask, Case, hopeless, kept, lost
from .offsets import OffsetMap
from .seams import stands_alone

MAX_SIZE = 64
"""Characters of an item that a model might copy; longer ones are many tokens, and might
alone be more than it reads."""


class Verbatim:
    """Takes the hypotheses in which every item stands as often as in the source."""

    def __init__(
        self, case: Case, options: TranslateOptions, name: str, excuse: str = ""
    ) -> None:
        """`excuse` is the reason to report for what is lost, where that is better than
        to have failed."""
        self.name = name
        self._excuse = excuse
        self._case = case
        self._options = options
        self._wanted = Counter(item.text for item in case.items)
        # Such as the "0A" of "0Aé", which may be a part of a word again.
        self._within_words = {
            item.text for item in case.items if not stands_alone(case.text, item.span)
        }
        longest_first = sorted(self._wanted, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def asks(self) -> Sequence[Ask]:
        return [Ask(self._case.text, self._options)]

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        [translation] = found
        places = [self._places(each) for each in translation.hypotheses]
        whole = [
            (each, where)
            for each, where in zip(translation.hypotheses, places, strict=True)
            if Counter({text: len(spans) for text, spans in where.items()})
            == self._wanted
        ]
        if not whole:
            reason = hopeless(self._options, translation) or self._excuse
            return self._salvage(translation, reason) if reason else None
        hypotheses = [hypothesis for hypothesis, _ in whole]
        return self._made_of(hypotheses, whole[0][1], translation)

    def _salvage(self, translation: Translation, reason: str) -> Translation:
        """The best hypothesis, and what it has of the items."""
        where = self._places(translation.hypotheses[0])
        return self._made_of(translation.hypotheses, where, translation, reason)

    def _places(self, hypothesis: TranslatedHypothesis) -> dict[str, list[Span]]:
        places: dict[str, list[Span]] = defaultdict(list)
        for match in self._pattern.finditer(hypothesis.text):
            span = Span(*match.span())
            if match[0] in self._within_words or stands_alone(hypothesis.text, span):
                places[match[0]].append(span)
        return places

    def _made_of(
        self,
        hypotheses: Sequence[TranslatedHypothesis],
        where: dict[str, list[Span]],
        translation: Translation,
        reason: str = "",
    ) -> Translation:
        same = OffsetMap([])
        is_best = hypotheses[0] is translation.hypotheses[0]
        wanted = self._case.options.num_hypotheses or 1
        return replace(
            moved(translation, same, same if is_best else None, hypotheses[0].text),
            hypotheses=tuple(hypotheses[:wanted]),
            protected_items=self._report(where, reason),
        )

    def _report(
        self, where: dict[str, list[Span]], reason: str
    ) -> tuple[ProtectedItem, ...]:
        left = {text: iter(spans) for text, spans in where.items()}
        found = (
            (item, next(left.get(item.text, iter(())), None))
            for item in self._case.items
        )
        return tuple(
            kept(item, span) if span else lost(item, reason) for item, span in found
        )
