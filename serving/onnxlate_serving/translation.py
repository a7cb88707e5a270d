"""Translations in words, as a translator gives them."""

from dataclasses import dataclass

from onnxlate.answer import (
    AlignmentLink,
    AnswerWarning,
    Attention,
    ProtectedItem,
    Segment,
    TermUse,
    Token,
)
from onnxlate.finish import FinishReason


@dataclass(frozen=True, slots=True)
class TranslatedHypothesis:
    text: str
    finish_reason: FinishReason
    score: float | None
    """Length-normalised log-probability; None if nobody asked."""
    num_target_tokens: int
    """End of sentence included, if the model ended it."""
    tokens: tuple[Token, ...] = ()
    """() if nobody asked, as below."""
    alignment: tuple[AlignmentLink, ...] = ()
    attention: tuple[Attention, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """One text's answer."""

    hypotheses: tuple[TranslatedHypothesis, ...]
    """Best first; at least one."""
    num_source_tokens: int
    num_dropped_source_tokens: int = 0
    segments: tuple[Segment, ...] = ()
    """What the best hypothesis is made of; () for a single sentence."""
    protected_items: tuple[ProtectedItem, ...] = ()
    terms: tuple[TermUse, ...] = ()
    warnings: tuple[AnswerWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next words of a translation that is on its way."""

    text: str
    """Often "", where tokens do not make a character yet."""
    translation: Translation | None = None
    """The whole, in the last piece only."""
