"""A second try at sentences that came out suspicious, with safer options."""

from collections.abc import Collection
from dataclasses import replace

from onnxlate.answer import AnswerWarning, Span, WarningKind

from ..guard.guard import SUSPICIOUS
from ..options import TranslateOptions
from ..translation import Translation

SAFE_BEAM = 5
"""Hypotheses that a second try keeps at least, if the server allows so many."""

NO_REPEAT = 4
"""Longest run of tokens that it may say twice."""

REPETITION_PENALTY = 1.2

LEAST_RATIO = 0.6
"""Target tokens for each of the source that it has at least, after an omission."""

LOOPING = frozenset(
    (WarningKind.REPETITION, WarningKind.TOO_LONG, WarningKind.UNFINISHED)
)


def suspicious(translation: Translation, options: TranslateOptions) -> bool:
    """Whether a second try may be better."""
    kinds = {each.kind for each in translation.warnings} & SUSPICIOUS
    if options.max_target_tokens is not None:
        kinds -= {WarningKind.UNFINISHED}  # so it was asked for
    return bool(kinds)


def safer(
    options: TranslateOptions,
    translation: Translation,
    beam: int,
    max_target_tokens: int,
) -> TranslateOptions:
    """What the caller asked for, but with that beam, and with what keeps decoders on
    their way."""
    kinds = {each.kind for each in translation.warnings}
    safe = replace(options, beam_size=beam, sampling=None)
    if WarningKind.TOO_SHORT in kinds:
        # So that what was left out has room.
        least = int(translation.num_source_tokens * LEAST_RATIO)
        most = options.max_target_tokens or max_target_tokens
        least = min(most, max(least, options.min_target_tokens or 0))
        safe = replace(safe, min_target_tokens=least)
    if kinds & LOOPING:
        penalty = options.repetition_penalty or 1.0  # which is none
        safe = replace(
            safe,
            no_repeat_ngram_size=options.no_repeat_ngram_size or NO_REPEAT,
            repetition_penalty=penalty if penalty > 1 else REPETITION_PENALTY,
        )
    return safe


def better(first: Translation, second: Translation) -> Translation:
    """The one with less that is suspicious; it tells what was the matter."""
    chosen = second if _weight(second) < _weight(first) else first
    new = {each.kind for each in chosen.warnings}
    target = Span(0, len(chosen.hypotheses[0].text))
    told = [
        replace(each, target=target, decoded_again=True, details=_details(each, new))
        for each in first.warnings
        if each.kind in SUSPICIOUS
    ]
    others = [
        each
        for each in chosen.warnings
        if each.kind not in SUSPICIOUS or each.kind not in {one.kind for one in told}
    ]
    return replace(chosen, warnings=(*told, *others))


def _weight(translation: Translation) -> int:
    return sum(each.kind in SUSPICIOUS for each in translation.warnings)


def _details(warning: AnswerWarning, new: Collection[WarningKind]) -> str:
    if warning.kind in new:
        return f"{warning.details}; a second try is no better"
    return f"at first {warning.details}; a second try is better"
