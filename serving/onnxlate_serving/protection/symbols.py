"""Has the model translate symbols for the items, and puts the items back."""

from collections.abc import Sequence
from dataclasses import replace

from ..options import TranslateOptions
from ..translation import Translation
from .aside import moved
from .case import Ask, hopeless
from .disguise import Disguise
from .restored import Restored, restored, salvaged


class WithSymbols:
    """Takes the hypotheses that have every symbol once."""

    def __init__(
        self, disguise: Disguise, options: TranslateOptions, name: str, excuse: str = ""
    ) -> None:
        """`excuse` is the reason to report for what is lost, where that is better than
        to have failed."""
        self.name = name
        self._excuse = excuse
        self._disguise = disguise
        self._options = options

    def asks(self) -> Sequence[Ask]:
        options = self._options
        if options.target_prefix:
            prefix = self._disguise.worn_by(options.target_prefix)
            options = replace(options, target_prefix=prefix)
        return [Ask(self._disguise.text, options)]

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        [translation] = found
        tried = [restored(each, self._disguise) for each in translation.hypotheses]
        whole = [each for each in tried if each and self._begins_well(each)]
        if not whole:
            reason = hopeless(self._options, translation) or self._excuse
            return self._salvage(translation, reason) if reason else None
        return self._made_of(whole, translation, is_best=whole[0] is tried[0])

    def _begins_well(self, found: Restored) -> bool:
        """Whether what the model made of the prefix is the prefix, with all items."""
        return found.hypothesis.text.startswith(self._options.target_prefix or "")

    def _salvage(self, translation: Translation, reason: str) -> Translation:
        """The best hypothesis, and what it has of the items."""
        best = salvaged(translation.hypotheses[0], self._disguise)
        return self._made_of([best], translation, is_best=True, reason=reason)

    def _made_of(
        self,
        hypotheses: Sequence[Restored],
        translation: Translation,
        is_best: bool,
        reason: str = "",
    ) -> Translation:
        """`is_best` tells whether the first is the one that `translation` speaks of."""
        wanted = self._disguise.case.options.num_hypotheses or 1
        best = hypotheses[0]
        to_new = best.to_new if is_best else None
        return replace(
            moved(translation, self._disguise.to_source, to_new, best.hypothesis.text),
            hypotheses=tuple(each.hypothesis for each in hypotheses[:wanted]),
            protected_items=best.report(self._disguise, reason),
        )
