"""What an answer says beside its text: which part came from where, what was kept, what
is doubtful.

Spans count characters (Unicode code points, as Python's strings do). The words are
those of proto/onnxlate/v1/translation.proto, which says more about each.
"""

from dataclasses import dataclass
from enum import Enum

from .finish import FinishReason


class Format(Enum):
    """What a text is."""

    SENTENCE = "sentence"
    """One sentence, given to the model as it is."""
    TEXT = "text"
    """Plain text of any length, whose layout stays."""
    HTML = "html"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of a glossary."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn instead of chosen."""

    temperature: float = 1.0
    """Divides the logits; less than 1 is surer of itself."""
    top_k: int = 0
    """Only the so many likeliest tokens are drawn from; 0 is all."""
    top_p: float = 1.0
    """Only the likeliest tokens that together have this probability are drawn from."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end`, the latter excluded, of a text."""

    start: int
    end: int

    def moved(self, by: int) -> "Span":
        return Span(self.start + by, self.end + by)

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, or what stands between two and is copied."""

    source: Span
    target: Span
    translated: bool
    finish_reason: FinishReason = FinishReason.EOS
    score: float | None = None


class ItemKind(Enum):
    """What is protected."""

    URL = "url"
    EMAIL = "email"
    NUMBER = "number"
    PLACEHOLDER = "placeholder"
    CODE = "code"
    PHRASE = "phrase"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class ProtectedItem:
    kind: ItemKind
    source: Span
    target: Span | None
    """None if it was not kept."""
    reason: str = ""
    """Why it was not kept."""

    @property
    def kept(self) -> bool:
        return self.target is not None


class TermOutcome(Enum):
    APPLIED = "applied"
    NOT_APPLICABLE = "not applicable"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class TermUse:
    """What became of a term that occurs in the source."""

    term: Term
    outcome: TermOutcome
    source: Span
    target: Span | None = None


class WarningKind(Enum):
    TRUNCATED_SOURCE = "truncated source"
    UNFINISHED = "unfinished"
    REPETITION = "repetition"
    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    UNKNOWN_CHARACTERS = "unknown characters"
    LANGUAGE = "language"
    UNSURE = "unsure"
    UNTRANSLATED = "untranslated"


@dataclass(frozen=True, slots=True)
class AnswerWarning:
    """What a careful reader should look at."""

    kind: WarningKind
    details: str
    source: Span
    target: Span
    decoded_again: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    piece: str
    log_prob: float
    target: Span


@dataclass(frozen=True, slots=True)
class AlignmentLink:
    """These words of the source stand behind these of the translation."""

    source: Span
    target: Span
    probability: float


@dataclass(frozen=True, slots=True)
class Attention:
    """How much each target token looked at each source token."""

    source_pieces: tuple[str, ...]
    target_pieces: tuple[str, ...]
    num_layers: int
    num_heads: int
    weights: tuple[float, ...]
    """Layer by layer, head by head, target by target, source by source."""
