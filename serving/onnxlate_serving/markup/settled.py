"""What a part of a document has come to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from onnxlate.answer import (
    AlignmentLink,
    AnswerWarning,
    Attention,
    ProtectedItem,
    Segment,
    Span,
    TermUse,
    Token,
    WarningKind,
)
from onnxlate.finish import FinishReason

from ..options import TranslateOptions
from ..relocated import relocated
from ..scores import joint_score
from ..translation import TranslatedHypothesis, Translation

Item = TypeVar("Item", ProtectedItem, TermUse)


@dataclass(frozen=True, slots=True)
class Settled:
    """Spans are of the part, and of what it has come to."""

    source_size: int
    text: str
    segments: tuple[Segment, ...] = ()
    """They cover both."""
    items: tuple[ProtectedItem, ...] = ()
    terms: tuple[TermUse, ...] = ()
    warnings: tuple[AnswerWarning, ...] = ()
    links: tuple[AlignmentLink, ...] = ()
    tokens: tuple[Token, ...] = ()
    attention: tuple[Attention, ...] = ()
    num_source_tokens: int = 0
    num_dropped: int = 0
    num_target_tokens: int = 0
    unfinished: bool = False
    scores: tuple[tuple[float, int], ...] = ()
    """Of its parts; none if nobody asked."""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to say of it: it was copied."""
        return not (self.num_source_tokens or self.items or self.warnings)

    def moved(self, source: int, target: int) -> "Settled":
        """The same further on."""
        places = partial(Span.moved, by=source), partial(Span.moved, by=target)
        return replace(
            self,
            segments=tuple(relocated(each, *places) for each in self.segments),
            items=tuple(relocated(each, *places) for each in self.items),
            terms=tuple(relocated(each, *places) for each in self.terms),
            warnings=tuple(relocated(each, *places) for each in self.warnings),
            links=tuple(relocated(each, *places) for each in self.links),
            tokens=tuple(
                replace(t, target=t.target.moved(target)) for t in self.tokens
            ),
        )

    def beside(self, others: Iterable["Settled"]) -> "Settled":
        """With what is known of others that are inside of it."""
        every = (self, *others)
        return replace(
            self,
            items=tuple(_sorted(i for each in every for i in each.items)),
            terms=tuple(_sorted(t for each in every for t in each.terms)),
            warnings=tuple(w for each in every for w in each.warnings),
            links=tuple(k for each in every for k in each.links),
            tokens=tuple(t for each in every for t in each.tokens),
            attention=tuple(a for each in every for a in each.attention),
            num_source_tokens=sum(each.num_source_tokens for each in every),
            num_dropped=sum(each.num_dropped for each in every),
            num_target_tokens=sum(each.num_target_tokens for each in every),
            unfinished=any(each.unfinished for each in every),
            scores=tuple(score for each in every for score in each.scores),
        )

    def translation(self, options: TranslateOptions, penalty: float) -> Translation:
        """As the answer for a whole document, with what was asked for; `penalty` is the
        length penalty of its scores."""
        score = None
        if options.return_scores:
            score = joint_score(self.scores, penalty)
        reason = FinishReason.LENGTH if self.unfinished else FinishReason.EOS
        hypothesis = TranslatedHypothesis(
            self.text,
            reason,
            score,
            self.num_target_tokens,
            self.tokens,
            self.links if options.return_alignment else (),
            self.attention,
        )
        return Translation(
            (hypothesis,),
            self.num_source_tokens,
            self.num_dropped,
            self.segments,
            self.items,
            self.terms,
            self.warnings,
        )


def copied(raw: str, untranslated: str = "") -> Settled:
    """With a warning if it is said why it was not translated."""
    span = Span(0, len(raw))
    segments = (Segment(span, span, translated=False),) if raw else ()
    if not untranslated:
        return Settled(len(raw), raw, segments)
    warning = AnswerWarning(WarningKind.UNTRANSLATED, untranslated, span, span)
    return Settled(len(raw), raw, segments, warnings=(warning,))


def joined(parts: Iterable[Settled]) -> Settled:
    """One after the other."""
    many = list(parts)
    if len(many) == 1:
        return many[0]
    source = target = 0
    segments: list[Segment] = []
    telling: list[Settled] = []
    for part in many:
        segments += (
            relocated(
                each, partial(Span.moved, by=source), partial(Span.moved, by=target)
            )
            for each in part.segments
        )
        if not part.is_plain:
            telling.append(part.moved(source, target))
        source += part.source_size
        target += len(part.text)
    text = "".join(part.text for part in many)
    return Settled(source, text, tuple(_merged(segments))).beside(telling)


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Copied ones that follow each other become one."""
    last: Segment | None = None
    for segment in segments:
        if last and not last.translated and not segment.translated:
            last = replace(
                last,
                source=Span(last.source.start, segment.source.end),
                target=Span(last.target.start, segment.target.end),
            )
            continue
        if last:
            yield last
        last = segment
    if last:
        yield last


def _sorted(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda each: (each.source.start, each.source.end))
