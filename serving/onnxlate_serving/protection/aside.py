"""What is said beside a translation, for other texts than it was said of."""

from dataclasses import replace

from onnxlate.answer import AnswerWarning, Span, TermOutcome, TermUse

from ..glossary import forms
from ..relocated import relinked
from ..terminology import spoken
from ..translation import TranslatedHypothesis, Translation
from .offsets import OffsetMap


def moved(
    translation: Translation,
    to_source: OffsetMap,
    to_target: OffsetMap | None,
    target: str,
) -> Translation:
    """Its terms and warnings; `to_target` is None if `target` is of another hypothesis
    than they speak of."""
    taken: set[int] = set()
    return replace(
        translation,
        terms=tuple(
            _term(each, to_source, to_target, target, taken)
            for each in translation.terms
        ),
        warnings=tuple(
            _warning(each, to_source, to_target, target)
            for each in translation.warnings
        ),
    )


def hypothesis_moved(
    hypothesis: TranslatedHypothesis,
    text: str,
    to_source: OffsetMap,
    to_target: OffsetMap,
) -> TranslatedHypothesis:
    """As which text it reads now, and its tokens and links in characters of that."""
    return replace(
        hypothesis,
        text=text,
        tokens=tuple(
            replace(each, target=to_target.span(each.target))
            for each in hypothesis.tokens
        ),
        alignment=relinked(hypothesis.alignment, to_source.span, to_target.span),
    )


def _term(
    use: TermUse,
    to_source: OffsetMap,
    to_target: OffsetMap | None,
    target: str,
    taken: set[int],
) -> TermUse:
    """`taken` are the places in the target where other terms begin."""
    source = to_source.span(use.source)
    if to_target:
        span = to_target.span(use.target) if use.target else None
        return replace(use, source=source, target=span)
    if use.outcome is TermOutcome.NOT_APPLICABLE:
        return replace(use, source=source, target=None)
    variants = [form for each in forms(use.term) for form in (each, each.upper())]
    span = spoken(variants, target, taken)
    outcome = TermOutcome.APPLIED if span else TermOutcome.MISSED
    return replace(use, source=source, target=span, outcome=outcome)


def _warning(
    warning: AnswerWarning,
    to_source: OffsetMap,
    to_target: OffsetMap | None,
    target: str,
) -> AnswerWarning:
    whole = Span(0, len(target))
    return replace(
        warning,
        source=to_source.span(warning.source),
        target=to_target.span(warning.target) if to_target else whole,
    )
