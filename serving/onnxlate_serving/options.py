"""What a caller asked for, and what it comes to for one text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from onnxlate.answer import Format, Sampling, Term
from onnxlate.bundle import (
    MAX_COVERAGE_PENALTY,
    MAX_LENGTH_PENALTY,
    DecodeDefaults,
    Limits,
)
from onnxlate.errors import InvalidRequest
from onnxlate.required import Terms
from onnxlate.rules import Rule
from onnxlate.search import SearchOptions

from .config import RequestLimits

N = TypeVar("N", int, float)

MAX_REPETITION_PENALTY = 10.0
MAX_TEMPERATURE = 10.0
"""From there on, nothing but chance is left."""

MAX_NGRAM = 64

MAX_TERMS = 256
MAX_PHRASES = 64
"""In one request. What more there is belongs into a glossary, or is no phrase list."""

REMEMBERED = 64
"""Options of the latest requests of which it is known what they come to: most ask for
the same as the ones before."""

MAX_PHRASE_CHARACTERS = 100
MAX_PREFIX_CHARACTERS = 1000


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

    @property
    def num_draws(self) -> int:
        """How many searches it takes: each of several draws has its own."""
        return _or(self.num_hypotheses, 1) if self.sampling else 1

    def check(
        self, defaults: DecodeDefaults, model: Limits, ours: RequestLimits
    ) -> None:
        """Raises InvalidRequest for what no text could be translated with."""
        beam = self._beam_size(defaults)
        _within("beam_size", beam, ours.max_beam_size)
        if self.sampling:
            most, why = ours.max_beam_size, "draws of one text"
            if beam != 1:
                raise InvalidRequest(
                    f"beam_size is {beam}; tokens are drawn with a beam_size of 1"
                )
        else:
            most, why = beam, "the beam_size"
        _within("num_hypotheses", _or(self.num_hypotheses, 1), most, why)
        for name in ("max_target_tokens", "min_target_tokens"):
            if (value := getattr(self, name)) is not None:
                least = 1 if name == "max_target_tokens" else 0
                _within(name, value, model.max_target_tokens, least=least)
        penalty = _or(self.length_penalty, defaults.length_penalty)
        _between("length_penalty", penalty, 0, MAX_LENGTH_PENALTY)
        _between(
            "repetition_penalty",
            _or(self.repetition_penalty, 1.0),
            1,
            MAX_REPETITION_PENALTY,
        )
        size = _or(self.no_repeat_ngram_size, 0)
        _within("no_repeat_ngram_size", size, MAX_NGRAM, least=0)
        covering = _or(self.coverage_penalty, 0.0)
        _between("coverage_penalty", covering, 0, MAX_COVERAGE_PENALTY)
        if covering and beam == 1:
            raise InvalidRequest(
                f"coverage_penalty is {covering:g} and beam_size 1; it chooses among "
                "the hypotheses of a beam"
            )
        self._check_sampling()
        self._check_phrases()

    def _check_sampling(self) -> None:
        if sampling := self.sampling:
            # Messages carry 32 bits of it, and 0.01 comes as a little less.
            temperature = round(sampling.temperature, 6)
            # Below, logits divided by it are no longer told apart by float32.
            _between("sampling.temperature", temperature, 0.01, MAX_TEMPERATURE)
            _between("sampling.top_p", sampling.top_p, 0, 1)

    def _check_phrases(self) -> None:
        _counted("terms", self.terms, MAX_TERMS)
        _counted("banned_phrases", self.banned_phrases, MAX_PHRASES)
        for each in self.banned_phrases:
            _sized("a banned phrase", each, MAX_PHRASE_CHARACTERS)
            if not each.strip():
                raise InvalidRequest("a banned phrase is empty")
        _sized("target_prefix", self.target_prefix or "", MAX_PREFIX_CHARACTERS)

    def in_effect(self, defaults: DecodeDefaults, glossary: str) -> "TranslateOptions":
        """With what was left unsaid, but for max_target_tokens, which then depends on
        the source; sent back, they ask for the same. `glossary` is its full name."""
        return replace(
            self,
            beam_size=self._beam_size(defaults),
            num_hypotheses=_or(self.num_hypotheses, 1),
            length_penalty=_or(self.length_penalty, defaults.length_penalty),
            min_target_tokens=_or(self.min_target_tokens, 0),
            repetition_penalty=_or(self.repetition_penalty, 1.0),
            no_repeat_ngram_size=_or(self.no_repeat_ngram_size, 0),
            coverage_penalty=self.covering(defaults),
            protect=self.format is not Format.SENTENCE
            if self.protect is None
            else self.protect,
            glossary=glossary,
        )

    def search(
        self,
        defaults: DecodeDefaults,
        model: Limits,
        num_source_tokens: int,
        demands: "Demands | None" = None,
        draw: int = 0,
        begin: tuple[int, ...] = (),
    ) -> SearchOptions:
        """How a source of that many tokens is decoded; `begin` is what every target of
        the model begins with."""
        demands = demands or Demands()
        by_ratio = defaults.max_target_tokens(num_source_tokens, model)
        # Which the source does not account for.
        by_ratio += demands.num_tokens + len(begin)
        beam = self._beam_size(defaults)
        wanted = 1 if self.sampling else _or(self.num_hypotheses, 1)
        return SearchOptions(
            beam_size=beam,
            num_hypotheses=beam if self.covering(defaults) else wanted,
            length_penalty=_or(self.length_penalty, defaults.length_penalty),
            max_target_tokens=_or(
                self.max_target_tokens,
                max(1, min(by_ratio, model.max_target_tokens)),
            ),
            with_scores=self.return_scores,
            min_target_tokens=_or(self.min_target_tokens, 0),
            repetition_penalty=_or(self.repetition_penalty, 1.0),
            no_repeat_ngram_size=_or(self.no_repeat_ngram_size, 0),
            sampling=self.sampling,
            draw=draw,
            required=demands.required,
            terms=demands.terms,
            rules=demands.rules,
            begin=begin,
            with_tokens=self.return_tokens,
        )

    def covering(self, defaults: DecodeDefaults) -> float:
        """The coverage penalty; of one hypothesis there is nothing to choose."""
        default = defaults.coverage_penalty if self._beam_size(defaults) > 1 else 0.0
        return _or(self.coverage_penalty, default)

    def _beam_size(self, defaults: DecodeDefaults) -> int:
        return _or(self.beam_size, 1 if self.sampling else defaults.beam_size)


@dataclass(frozen=True, slots=True)
class Demands:
    """On the words of one translation."""

    required: tuple[tuple[int, ...], ...] = ()
    terms: Terms | None = None
    rules: tuple[Rule, ...] = ()
    num_tokens: int = 0
    """How many tokens longer that may make it."""


def _or(value: N | None, default: N) -> N:
    return default if value is None else value


def _within(name: str, value: int, most: int, why: str = "", least: int = 1) -> None:
    if not least <= value <= most:
        reason = f", {why}" if why else ""
        raise InvalidRequest(
            f"{name} is {value}; it must be from {least} to {most}{reason}"
        )


def _between(name: str, value: float, least: float, most: float) -> None:
    # Not a number is not within anything.
    if not least <= value <= most:
        raise InvalidRequest(
            f"{name} is {value:g}; it must be from {least:g} to {most:g}"
        )


def _counted(name: str, values: Sequence[object], most: int) -> None:
    if len(values) > most:
        raise InvalidRequest(f"{name} are {len(values)}; a request has at most {most}")


def _sized(name: str, text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidRequest(f"{name} has {len(text)} characters; it may have {most}")
