"""What answers say beside their text, as protobuf and back."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .answer import (
    AlignmentLink,
    AnswerWarning,
    Attention,
    Format,
    ItemKind,
    ProtectedItem,
    Sampling,
    Segment,
    Span,
    Term,
    TermOutcome,
    TermUse,
    Token,
    WarningKind,
)
from .finish import FinishReason
from .v1 import translation_pb2 as pb

Key = TypeVar("Key")
Value = TypeVar("Value")


def _turned(table: dict[Key, Value]) -> dict[Value, Key]:
    return {value: key for key, value in table.items()}


FINISH_REASONS: dict[FinishReason, pb.FinishReason] = {
    FinishReason.EOS: pb.FINISH_REASON_EOS,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
}

FORMATS: dict[Format, pb.Format] = {
    Format.SENTENCE: pb.FORMAT_SENTENCE,
    Format.TEXT: pb.FORMAT_TEXT,
    Format.HTML: pb.FORMAT_HTML,
    Format.MARKDOWN: pb.FORMAT_MARKDOWN,
}

ITEM_KINDS: dict[ItemKind, pb.ProtectedItem.Kind] = {
    ItemKind.URL: pb.ProtectedItem.KIND_URL,
    ItemKind.EMAIL: pb.ProtectedItem.KIND_EMAIL,
    ItemKind.NUMBER: pb.ProtectedItem.KIND_NUMBER,
    ItemKind.PLACEHOLDER: pb.ProtectedItem.KIND_PLACEHOLDER,
    ItemKind.CODE: pb.ProtectedItem.KIND_CODE,
    ItemKind.PHRASE: pb.ProtectedItem.KIND_PHRASE,
    ItemKind.TAG: pb.ProtectedItem.KIND_TAG,
}

OUTCOMES: dict[TermOutcome, pb.TermUse.Outcome] = {
    TermOutcome.APPLIED: pb.TermUse.OUTCOME_APPLIED,
    TermOutcome.NOT_APPLICABLE: pb.TermUse.OUTCOME_NOT_APPLICABLE,
    TermOutcome.MISSED: pb.TermUse.OUTCOME_MISSED,
}

WARNING_KINDS: dict[WarningKind, pb.AnswerWarning.Kind] = {
    WarningKind.TRUNCATED_SOURCE: pb.AnswerWarning.KIND_TRUNCATED_SOURCE,
    WarningKind.UNFINISHED: pb.AnswerWarning.KIND_UNFINISHED,
    WarningKind.REPETITION: pb.AnswerWarning.KIND_REPETITION,
    WarningKind.TOO_SHORT: pb.AnswerWarning.KIND_TOO_SHORT,
    WarningKind.TOO_LONG: pb.AnswerWarning.KIND_TOO_LONG,
    WarningKind.UNKNOWN_CHARACTERS: pb.AnswerWarning.KIND_UNKNOWN_CHARACTERS,
    WarningKind.LANGUAGE: pb.AnswerWarning.KIND_LANGUAGE,
    WarningKind.UNSURE: pb.AnswerWarning.KIND_UNSURE,
    WarningKind.UNTRANSLATED: pb.AnswerWarning.KIND_UNTRANSLATED,
}

_FINISHED = _turned(FINISH_REASONS)
_ITEMS = _turned(ITEM_KINDS)
_OUTCOMES = _turned(OUTCOMES)
_WARNINGS = _turned(WARNING_KINDS)


class Ruler:
    """Spans of one text, with their bytes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] | None = None

    def span(self, span: Span) -> dict[str, int]:
        """A pb.Span's fields: of a message, another one takes a copy."""
        return {
            "start": span.start,
            "end": span.end,
            "start_byte": self._byte(span.start),
            "end_byte": self._byte(span.end),
        }

    def span_or_none(self, span: Span | None) -> dict[str, int] | None:
        return None if span is None else self.span(span)

    def _byte(self, at: int) -> int:
        if self._text.isascii() or not at:
            return at
        if self._starts is None and at == len(self._text):  # as most warnings say
            return len(self._text.encode("utf-8", "surrogatepass"))
        if self._starts is None:
            starts = [0]
            for character in self._text:
                size = len(character.encode("utf-8", "surrogatepass"))
                starts.append(starts[-1] + size)
            self._starts = starts
        return self._starts[at]


def finish_reason(reason: "pb.FinishReason") -> FinishReason:
    """A reason that a newer server knows and we do not is still an ending."""
    return _FINISHED.get(reason, FinishReason.EOS)


def segment_to(each: Segment, source: Ruler, target: Ruler) -> pb.Segment:
    return pb.Segment(
        source=source.span(each.source),
        target=target.span(each.target),
        translated=each.translated,
        finish_reason=FINISH_REASONS[each.finish_reason],
        score=each.score,
    )


def segment_from(each: pb.Segment) -> Segment:
    return Segment(
        source=_span(each.source),
        target=_span(each.target),
        translated=each.translated,
        finish_reason=finish_reason(each.finish_reason),
        score=each.score if each.HasField("score") else None,
    )


def item_to(each: ProtectedItem, source: Ruler, target: Ruler) -> pb.ProtectedItem:
    return pb.ProtectedItem(
        kind=ITEM_KINDS[each.kind],
        source=source.span(each.source),
        target=target.span_or_none(each.target),
        kept=each.kept,
        reason=each.reason,
    )


def item_from(each: pb.ProtectedItem) -> ProtectedItem:
    return ProtectedItem(
        kind=_ITEMS.get(each.kind, ItemKind.PHRASE),
        source=_span(each.source),
        target=_span(each.target) if each.kept else None,
        reason=each.reason,
    )


def term_to(each: TermUse, source: Ruler, target: Ruler) -> pb.TermUse:
    return pb.TermUse(
        source_term=each.term.source,
        target_term=each.term.target,
        outcome=OUTCOMES[each.outcome],
        source=source.span(each.source),
        target=target.span_or_none(each.target),
    )


def term_from(each: pb.TermUse) -> TermUse:
    return TermUse(
        term=Term(each.source_term, each.target_term),
        outcome=_OUTCOMES.get(each.outcome, TermOutcome.MISSED),
        source=_span(each.source),
        target=_span(each.target) if each.HasField("target") else None,
    )


def warning_to(each: AnswerWarning, source: Ruler, target: Ruler) -> dict[str, Any]:
    """A pb.AnswerWarning's fields."""
    return {
        "kind": WARNING_KINDS[each.kind],
        "details": each.details,
        "source": source.span(each.source),
        "target": target.span(each.target),
        "decoded_again": each.decoded_again,
    }


def warnings_from(many: Iterable[pb.AnswerWarning]) -> tuple[AnswerWarning, ...]:
    """Without those of kinds that only a newer server knows."""
    return tuple(
        AnswerWarning(
            kind=_WARNINGS[each.kind],
            details=each.details,
            source=_span(each.source),
            target=_span(each.target),
            decoded_again=each.decoded_again,
        )
        for each in many
        if each.kind in _WARNINGS
    )


def token_to(each: Token, target: Ruler) -> pb.Token:
    return pb.Token(
        piece=each.piece, log_prob=each.log_prob, target=target.span(each.target)
    )


def token_from(each: pb.Token) -> Token:
    return Token(each.piece, each.log_prob, _span(each.target))


def link_to(each: AlignmentLink, source: Ruler, target: Ruler) -> pb.AlignmentLink:
    return pb.AlignmentLink(
        source=source.span(each.source),
        target=target.span(each.target),
        probability=each.probability,
    )


def link_from(each: pb.AlignmentLink) -> AlignmentLink:
    return AlignmentLink(_span(each.source), _span(each.target), each.probability)


def attention_to(each: Attention) -> pb.Attention:
    return pb.Attention(
        source_pieces=each.source_pieces,
        target_pieces=each.target_pieces,
        num_layers=each.num_layers,
        num_heads=each.num_heads,
        weights=each.weights,
    )


def attention_from(each: pb.Attention) -> Attention:
    return Attention(
        source_pieces=tuple(each.source_pieces),
        target_pieces=tuple(each.target_pieces),
        num_layers=each.num_layers,
        num_heads=each.num_heads,
        weights=tuple(each.weights),
    )


Item = TypeVar("Item")
Message = TypeVar("Message")


def many(
    convert: Callable[[Item], Message], items: Iterable[Item]
) -> tuple[Message, ...]:
    return tuple(map(convert, items))


def options_to(options: dict[str, Any]) -> pb.TranslateOptions:
    """Options by name, those that are None left out.

    Raises TypeError or ValueError for what protobuf cannot hold.
    """
    for name in ("protected_phrases", "banned_phrases"):
        if isinstance(options.get(name), str):  # whose letters would each be one
            raise TypeError(f"{name} is one string; a list is wanted")
    given = {
        name: _CONVERTERS.get(name, _as_it_is)(value)
        for name, value in options.items()
        if value is not None
    }
    return pb.TranslateOptions(**given)


def options_from(options: pb.TranslateOptions) -> dict[str, Any]:
    """The same back, without those that say nothing."""
    return {
        field.name: _READERS.get(field.name, _as_it_is)(value)
        for field, value in options.ListFields()
    }


def sampling_from(sampling: pb.Sampling) -> Sampling:
    return Sampling(**{field.name: value for field, value in sampling.ListFields()})


def terms_from(terms: Iterable[pb.Term]) -> tuple[Term, ...]:
    return tuple(Term(each.source, each.target) for each in terms)


def _span(span: pb.Span) -> Span:
    return Span(span.start, span.end)


def _as_it_is(value: Any) -> Any:
    return value


def _sampling(sampling: Any) -> pb.Sampling:
    return pb.Sampling(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        seed=sampling.seed,
    )


def _terms(terms: Iterable[Any]) -> list[pb.Term]:
    return [pb.Term(source=each.source, target=each.target) for each in terms]


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "format": lambda each: FORMATS[Format(each)],
    "sampling": _sampling,
    "terms": _terms,
}

_FORMATS = _turned(FORMATS)

_READERS: dict[str, Callable[[Any], Any]] = {
    "format": lambda each: _FORMATS.get(each, Format.SENTENCE),
    "sampling": sampling_from,
    "terms": terms_from,
    "protected_phrases": tuple,
    "banned_phrases": tuple,
}
