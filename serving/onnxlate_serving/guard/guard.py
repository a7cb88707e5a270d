"""What a careful reader should look at, of one sentence and its translation.

All that is counted here was there already, or costs microseconds: an answer with
nothing wrong is not later for having been looked at. docs/text.md has the thresholds,
what they were found on and how often they are wrong.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from onnxlate.answer import AnswerWarning, ProtectedItem, Span, WarningKind
from onnxlate.bundle import DecodeDefaults, Manifest
from onnxlate.finish import FinishReason
from onnxlate.text import Tokenizer

from ..options import TranslateOptions
from ..translation import Translation
from .compiled import letters
from .language import foreign
from .repetition import loop

LEAST_RATIO = 0.5
"""Target tokens for each of the source; with one fewer still, something is missing."""

MOST_EXTRA = 3
"""Target tokens beyond the model's max_target_ratio that are not made up yet."""

DROPPED_RATIO = 0.7
"""The same where the translation has fewer sentences than its source, too."""

UNSURE = -1.0
"""Mean log-probability of a token below which translations are mostly bad."""

FEWEST_COPIED = 3
"""Different words that come out as they went in; two may be a name."""

SHOWN = 5
"""Unknown characters that a warning names."""

SUSPICIOUS = frozenset(
    (
        WarningKind.REPETITION,
        WarningKind.TOO_SHORT,
        WarningKind.TOO_LONG,
        WarningKind.UNFINISHED,
    )
)
"""What a second try with safer options may mend."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_END = re.compile(r"[.!?…]+[\"'”“’»)]*(?=\s+[^\W\d_a-z]|\s*$)|[。！？]")


class Read(NamedTuple):
    """What was found in a source."""

    unknown: Sequence[str]
    """Characters that the model does not know."""
    foreign: str | None
    """Why it seems to be in another language."""


class Guard:
    """Knows what is usual with one model."""

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer) -> None:
        """`tokenizer` is the source's."""
        self._language = manifest.source_language
        self._translates = manifest.source_language != manifest.target_language
        self._defaults: DecodeDefaults = manifest.defaults
        self._tokenizer = tokenizer
        self._known = tokenizer.characters()
        letters()  # now, and not while somebody waits for the first answer

    def read(self, source: str) -> Read:
        """What there is to say of a source without its translation."""
        return Read(self._unknown(source), foreign(source, self._language))

    def warnings(
        self,
        source: str,
        translation: Translation,
        options: TranslateOptions,
        read: Read | None = None,
    ) -> tuple[AnswerWarning, ...]:
        """Of the best hypothesis; spans are all of both texts. `read` is what is known
        of the source already."""
        if not translation.num_source_tokens:
            return ()
        target = translation.hypotheses[0].text
        if read is None or translation.protected_items:
            read = self.read(_without_items(source, translation.protected_items))
        found = list(self._findings(source, translation, options, read))
        if not found:
            return ()
        whole = Span(0, len(source)), Span(0, len(target))
        return tuple(AnswerWarning(kind, details, *whole) for kind, details in found)

    def _findings(
        self,
        source: str,
        translation: Translation,
        options: TranslateOptions,
        read: Read,
    ) -> Iterator[tuple[WarningKind, str]]:
        best = translation.hypotheses[0]
        if dropped := translation.num_dropped_source_tokens:
            yield (
                WarningKind.TRUNCATED_SOURCE,
                f"the last {dropped} tokens were not read",
            )
        if best.finish_reason is FinishReason.LENGTH:
            yield (
                WarningKind.UNFINISHED,
                f"it was cut at {best.num_target_tokens} tokens",
            )
        if found := loop(source, best.text):
            said = f"{found.words[:60]!r} is said {found.times} times"
            yield WarningKind.REPETITION, said
        yield from self._lengths(source, translation, options)
        if unknown := read.unknown:
            names = " ".join(unknown[:SHOWN]) + (" …" if unknown[SHOWN:] else "")
            yield WarningKind.UNKNOWN_CHARACTERS, f"the model does not know {names}"
        if read.foreign:
            yield WarningKind.LANGUAGE, read.foreign
        mean = self._mean_log_prob(translation, options)
        if mean is not None and mean < UNSURE:
            yield WarningKind.UNSURE, f"its words have {mean:.2f} in the mean"
        if self._translates and _is_copied(source, best.text):
            yield WarningKind.UNTRANSLATED, "it came out as it went in"

    def _lengths(
        self, source: str, translation: Translation, options: TranslateOptions
    ) -> Iterator[tuple[WarningKind, str]]:
        best = translation.hypotheses[0]
        ended = best.finish_reason is FinishReason.EOS
        num_source = translation.num_source_tokens - 1
        num_target = best.num_target_tokens - ended
        counts = f"{num_target} tokens for {num_source}"
        if num_target > num_source * self._defaults.max_target_ratio + MOST_EXTRA:
            yield WarningKind.TOO_LONG, counts
        if not ended:
            return  # its end is missing, and that has been said
        if num_target < num_source * LEAST_RATIO - 1 or not best.text.strip():
            yield WarningKind.TOO_SHORT, counts
        elif num_target < num_source * DROPPED_RATIO:
            there, here = len(_END.findall(source)), len(_END.findall(best.text))
            if here < there:
                yield WarningKind.TOO_SHORT, f"{here} sentences for {there}, {counts}"

    def _unknown(self, source: str) -> Sequence[str]:
        if self._known.issuperset(source):
            return ()
        strange = set(source) - self._known
        return sorted(
            each
            for each in strange
            if unicodedata.category(each)[0] not in "CZ"
            and not self._tokenizer.knows(each)
        )

    def _mean_log_prob(
        self, translation: Translation, options: TranslateOptions
    ) -> float | None:
        best = translation.hypotheses[0]
        if best.score is None:
            return None
        penalty = options.length_penalty
        if penalty is None:
            penalty = self._defaults.length_penalty
        num_tokens = max(1, best.num_target_tokens)
        return float(best.score * num_tokens ** (penalty - 1))


def _without_items(source: str, items: Sequence[ProtectedItem]) -> str:
    """What the model has read of it; what was kept as it was need not be known."""
    parts, at = [], 0
    for item in items:
        if item.kept:
            parts.append(source[at : item.source.start])
            at = max(at, item.source.end)
    return " ".join([*parts, source[at:]])


def _is_copied(source: str, target: str) -> bool:
    if source[:1].lower() != target[:1].lower():
        return False  # nearly always, and saves the rest
    words = _WORD.findall(source.lower())
    return len(set(words)) >= FEWEST_COPIED and words == _WORD.findall(target.lower())
