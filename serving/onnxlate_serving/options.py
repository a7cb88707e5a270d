"""What a caller asked for, and what it comes to for one text."""

from dataclasses import dataclass
from typing import TypeVar

from onnxlate.answer import Format, Sampling, Term
from onnxlate.bundle import DecodeDefaults, Limits
from onnxlate.errors import InvalidRequest
from onnxlate.search import SearchOptions

from .config import RequestLimits

N = TypeVar("N", int, float)

MAX_LENGTH_PENALTY = 10.0
"""At 10 the longest hypothesis has long since always won."""


@dataclass(frozen=True, slots=True)
class TranslateOptions:
    """As in the proto; None is unsaid, and means the model's default."""

    beam_size: int | None = None
    num_hypotheses: int | None = None
    length_penalty: float | None = None
    max_target_tokens: int | None = None
    return_scores: bool = False
    truncate_source: bool = False
    format: Format = Format.SENTENCE
    protect: bool | None = None
    """None: unless it is one sentence."""
    protected_phrases: tuple[str, ...] = ()
    glossary: str = ""
    terms: tuple[Term, ...] = ()
    min_target_tokens: int | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    coverage_penalty: float | None = None
    sampling: Sampling | None = None
    target_prefix: str | None = None
    banned_phrases: tuple[str, ...] = ()
    return_alignment: bool = False
    return_tokens: bool = False
    return_attention: bool = False

    def check(
        self, defaults: DecodeDefaults, model: Limits, ours: RequestLimits
    ) -> None:
        """Raises InvalidRequest for what no text could be translated with."""
        beam = _or(self.beam_size, defaults.beam_size)
        _within("beam_size", beam, ours.max_beam_size)
        _within("num_hypotheses", _or(self.num_hypotheses, 1), beam, "the beam_size")
        if self.max_target_tokens is not None:
            limit = model.max_target_tokens
            _within("max_target_tokens", self.max_target_tokens, limit)
        penalty = _or(self.length_penalty, defaults.length_penalty)
        # Not a number is not within anything.
        if not 0 <= penalty <= MAX_LENGTH_PENALTY:
            raise InvalidRequest(
                f"length_penalty is {penalty:g}; it must be from 0 "
                f"to {MAX_LENGTH_PENALTY:g}"
            )

    def search(
        self, defaults: DecodeDefaults, model: Limits, num_source_tokens: int
    ) -> SearchOptions:
        """How a source of that many tokens is decoded."""
        by_ratio = defaults.max_target_tokens(num_source_tokens, model)
        return SearchOptions(
            beam_size=_or(self.beam_size, defaults.beam_size),
            num_hypotheses=_or(self.num_hypotheses, 1),
            length_penalty=_or(self.length_penalty, defaults.length_penalty),
            max_target_tokens=_or(self.max_target_tokens, max(1, by_ratio)),
            with_scores=self.return_scores,
        )


def _or(value: N | None, default: N) -> N:
    return default if value is None else value


def _within(name: str, value: int, most: int, why: str = "") -> None:
    if not 1 <= value <= most:
        reason = f", {why}" if why else ""
        raise InvalidRequest(f"{name} is {value}; it must be from 1 to {most}{reason}")
