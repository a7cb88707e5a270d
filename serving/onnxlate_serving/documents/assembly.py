"""One translation of the whole, from those of its parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnxlate.answer import (
    Segment,
    Span,
    Token,
)
from onnxlate.finish import FinishReason

from ..options import TranslateOptions
from ..relocated import relinked, relocated
from ..scores import joint_score
from ..translation import TranslatedHypothesis, Translation
from .gaps import Fitted, fitted, kept_places
from .parts import Part
from .places import Places


@dataclass(frozen=True, slots=True)
class Placed:
    """A part with one of its translations, and where both stand."""

    part: Part
    hypothesis: TranslatedHypothesis
    fitted: Fitted
    start: int
    """In the whole translation."""

    @property
    def target(self) -> Span:
        return Span(self.start, self.start + len(self.fitted.text))

    @property
    def from_source(self) -> Places:
        changes = [(gap.at + 1, len(gap.text) - 1) for gap in self.part.gaps]
        return Places(self.part.source.start, self.part.source.end, changes)

    @property
    def from_target(self) -> Places:
        return self.fitted.places(self.start)


def assembled(
    text: str,
    parts: Sequence[Part],
    answers: Sequence[Translation],
    options: TranslateOptions,
    length_penalty: float,
) -> Translation:
    """The translation of a text whose parts were translated so, with the length penalty
    in effect."""
    most = max((len(each.hypotheses) for each in answers), default=1)
    prefix = options.target_prefix or ""  # of the only part, where there is one
    placed = [_placed(text, parts, answers, rank, prefix) for rank in range(most)]
    best = placed[0]
    return Translation(
        hypotheses=tuple(
            _hypothesis(text, each, options, length_penalty) for each in placed
        ),
        num_source_tokens=sum(each.num_source_tokens for each in answers),
        num_dropped_source_tokens=sum(
            each.num_dropped_source_tokens for each in answers
        ),
        segments=tuple(_segments(text, best, options)),
        protected_items=tuple(
            relocated(item, each.from_source.span, each.from_target.span)
            for each, answer in zip(best, answers, strict=True)
            for item in answer.protected_items
        ),
        terms=tuple(
            relocated(term, each.from_source.span, each.from_target.span)
            for each, answer in zip(best, answers, strict=True)
            for term in answer.terms
        ),
        warnings=tuple(
            relocated(warning, each.from_source.span, each.from_target.span)
            for each, answer in zip(best, answers, strict=True)
            for warning in answer.warnings
        ),
    )


def _placed(
    text: str,
    parts: Sequence[Part],
    answers: Sequence[Translation],
    rank: int,
    prefix: str,
) -> list[Placed]:
    """With the translations of a rank, or the last of each that has fewer."""
    placed = []
    source = target = 0
    for part, answer in zip(parts, answers, strict=True):
        target += part.source.start - source
        own = min(rank, len(answer.hypotheses) - 1)
        hypothesis = answer.hypotheses[own]
        kept = kept_places(part, answer, own, prefix)
        each = Placed(part, hypothesis, fitted(hypothesis.text, part, kept), target)
        placed.append(each)
        source, target = part.source.end, each.target.end
    return placed


def _hypothesis(
    text: str,
    placed: Sequence[Placed],
    options: TranslateOptions,
    length_penalty: float,
) -> TranslatedHypothesis:
    said = [each.hypothesis for each in placed]
    scores = ((each.score or 0.0, each.num_target_tokens) for each in said)
    unfinished = any(each.finish_reason is FinishReason.LENGTH for each in said)
    return TranslatedHypothesis(
        text="".join(_pieces(text, placed)),
        finish_reason=FinishReason.LENGTH if unfinished else FinishReason.EOS,
        score=joint_score(scores, length_penalty) if options.return_scores else None,
        num_target_tokens=sum(each.num_target_tokens for each in said),
        tokens=tuple(
            Token(token.piece, token.log_prob, each.from_target.span(token.target))
            for each in placed
            for token in each.hypothesis.tokens
        ),
        alignment=tuple(
            link
            for each in placed
            for link in relinked(
                each.hypothesis.alignment,
                each.from_source.span,
                each.from_target.span,
            )
        ),
        attention=tuple(each for one in said for each in one.attention),
    )


def _pieces(text: str, placed: Iterable[Placed]) -> Iterable[str]:
    copied = 0
    for each in placed:
        yield text[copied : each.part.source.start]
        yield each.fitted.text
        copied = each.part.source.end
    yield text[copied:]


def _segments(
    text: str, placed: Iterable[Placed], options: TranslateOptions
) -> Iterable[Segment]:
    source = target = 0
    for each in placed:
        if source < each.part.source.start:
            copied = Span(source, each.part.source.start)
            yield Segment(copied, Span(target, each.start), translated=False)
        yield Segment(
            each.part.source,
            each.target,
            translated=True,
            finish_reason=each.hypothesis.finish_reason,
            score=each.hypothesis.score if options.return_scores else None,
        )
        source, target = each.part.source.end, each.target.end
    if source < len(text):
        copied = Span(source, len(text))
        yield Segment(copied, copied.moved(target - source), translated=False)
