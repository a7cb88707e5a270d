"""One answer made of several, and of what was copied between them."""

from dataclasses import replace

from onnxlate.answer import (
    AlignmentLink,
    AnswerWarning,
    Attention,
    ProtectedItem,
    Span,
    TermUse,
    Token,
)
from onnxlate.finish import FinishReason

from ..relocated import relinked, relocated
from ..scores import joint_score
from ..translation import TranslatedHypothesis, Translation
from .case import Case, kept

ENDS = ".!?…。！？"
"""Of a sentence. A model that is given a part of one likes to end it."""


class Joint:
    """Grows from the source's first character to its last."""

    def __init__(self, case: Case, length_penalty: float) -> None:
        """`length_penalty` is the one in effect."""
        self._case = case
        self._length_penalty = length_penalty
        self._text = ""
        self._finish_reason = FinishReason.EOS
        self._scores: list[tuple[float, int]] = []  # and of how many tokens
        self.num_target_tokens = 0
        self._num_source_tokens = 0
        self._num_dropped = 0
        self._tokens: list[Token] = []
        self._alignment: list[AlignmentLink] = []
        self._attention: list[Attention] = []
        self._items: list[ProtectedItem] = []
        self._terms: list[TermUse] = []
        self._warnings: list[AnswerWarning] = []

    def copy(self, span: Span) -> None:
        """Takes over a part of the source, items and all."""
        shift = len(self._text) - span.start
        for item in self._case.items:
            if span.start <= item.span.start and item.span.end <= span.end:
                target = item.span.moved(shift)
                self._items.append(kept(item, target))
                self._say_item(item.text, item.span, target)
        self._text += span.of(self._case.text)

    def _say_item(self, text: str, source: Span, target: Span) -> None:
        """As if a model had said it, and been certain."""
        options = self._case.options
        if options.return_tokens:
            self._tokens.append(Token(text, 0.0, target))
        if options.return_alignment:
            self._alignment.append(AlignmentLink(source, target, 1.0))

    def add(self, span: Span, translation: Translation, prefix: str = "") -> None:
        """Says a part of the source in translation, which begins with the `prefix`."""
        hypothesis = translation.hypotheses[0]
        text = _as_open(hypothesis.text, span.of(self._case.text))
        text = hypothesis.text[: max(len(text), len(prefix))]
        self._count(hypothesis, translation)
        shift, size = len(self._text), len(text)

        def to_source(place: Span) -> Span:
            return place.moved(span.start)

        def to_target(place: Span) -> Span:
            return _within(place, size).moved(shift)

        self._tokens += (
            replace(each, target=to_target(each.target)) for each in hypothesis.tokens
        )
        self._alignment += relinked(hypothesis.alignment, to_source, to_target)
        self._attention += hypothesis.attention
        self._terms += (
            relocated(each, to_source, to_target) for each in translation.terms
        )
        self._warnings += (
            relocated(each, to_source, to_target) for each in translation.warnings
        )
        self._text += text

    def _count(
        self, hypothesis: TranslatedHypothesis, translation: Translation
    ) -> None:
        if hypothesis.finish_reason is FinishReason.LENGTH:
            self._finish_reason = FinishReason.LENGTH
        if hypothesis.score is not None:
            self._scores.append((hypothesis.score, hypothesis.num_target_tokens))
        self.num_target_tokens += hypothesis.num_target_tokens
        self._num_source_tokens += translation.num_source_tokens
        self._num_dropped += translation.num_dropped_source_tokens

    def translation(self) -> Translation:
        hypothesis = TranslatedHypothesis(
            text=self._text,
            finish_reason=self._finish_reason,
            score=self._score(),
            num_target_tokens=self.num_target_tokens,
            tokens=tuple(self._tokens),
            alignment=tuple(self._alignment),
            attention=tuple(self._attention),
        )
        return Translation(
            (hypothesis,),
            self._num_source_tokens,
            self._num_dropped,
            protected_items=tuple(self._items),
            terms=tuple(self._terms),
            warnings=tuple(self._warnings),
        )

    def _score(self) -> float | None:
        """That of the pieces together; what is copied is certain."""
        if not self._case.options.return_scores:
            return None
        return joint_score(self._scores, self._length_penalty)


def _as_open(text: str, source: str) -> str:
    """Without a full stop that the source has not."""
    return text if source[-1:] in ENDS else text.rstrip(ENDS)


def _within(span: Span, size: int) -> Span:
    return Span(min(span.start, size), min(span.end, size))
