"""What travels between a client and a server, with protobuf on one side only.

Both clients, the synchronous and the other, say everything through these functions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, cast, overload

from . import wire
from .answer import (
    AlignmentLink,
    AnswerWarning,
    Attention,
    Format,
    ProtectedItem,
    Sampling,
    Segment,
    Term,
    TermUse,
    Token,
)
from .channel import MAX_MESSAGE_BYTES
from .errors import InvalidRequest, ServerFailure
from .finish import FinishReason
from .v1 import translation_pb2 as pb
from .wire import many

MAX_TEXTS = 32
"""Texts in one call: enough that the call itself costs nothing (0.4 ms), few enough
that the first answers come soon."""

MAX_BYTES = 128 * 1024
"""UTF-8 bytes of text in one call of several texts. gRPC keeps 256 KiB of a request
for a retry and gives up retrying what is larger."""

MAX_CALLS = 4
"""Calls under way for one list: the server's batch never runs dry between two, and
a long list leaves its waiting line to others too."""


LONGEST_S = 1e9
"""What gRPC would take for the past, such as infinity, is this: thirty years."""

_ONE_STRING = "texts is one string; a list of texts is wanted"


class CallOptions(TypedDict, total=False):
    """How to translate; what is absent or None, the server's defaults say."""

    model: str | None
    """NAME or NAME@VERSION of a served model; absent for the default one."""
    timeout_s: float | None
    """Seconds one call may take; absent for the client's own."""
    beam_size: int | None
    """Hypotheses kept while searching; 1 is greedy search."""
    num_hypotheses: int | None
    """Best translations to return, at most beam_size."""
    length_penalty: float | None
    """Exponent of the length that log-probabilities are divided by."""
    max_target_tokens: int | None
    """Longest translation in tokens, end of sentence included."""
    return_scores: bool | None
    """Whether hypotheses carry their scores."""
    truncate_source: bool | None
    """Whether a text that is too long is cut, and flagged, instead of refused."""
    format: Format | str | None
    """What the texts are: "sentence" (default), "text", "html" or "markdown"."""
    protect: bool | None
    """Whether URLs, numbers, placeholders and the like come out as they went in."""
    protected_phrases: Sequence[str] | None
    """Phrases that come out as they went in."""
    glossary: str | None
    """Name of a glossary that the server keeps."""
    terms: Sequence[Term] | None
    """Terms to translate in a given way."""
    min_target_tokens: int | None
    """Shortest translation in tokens, end of sentence included."""
    repetition_penalty: float | None
    """Divides the score of tokens that were said before; 1 is off."""
    no_repeat_ngram_size: int | None
    """No run of so many tokens is said twice; 0 is off."""
    coverage_penalty: float | None
    """Weight of what a beam's hypotheses leave out of the source; 0 is off."""
    sampling: Sampling | None
    """Draws tokens instead of taking the likeliest."""
    target_prefix: str | None
    """What the translation begins with."""
    banned_phrases: Sequence[str] | None
    """What the translation must not contain."""
    return_alignment: bool | None
    """Whether hypotheses carry which source words stand behind which target words."""
    return_tokens: bool | None
    """Whether hypotheses carry their tokens."""
    return_attention: bool | None
    """Whether hypotheses carry the attention of every layer and head."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One translation of a text."""

    text: str
    finish_reason: FinishReason
    score: float | None
    """Length-normalised log-probability; None unless return_scores was set."""
    num_target_tokens: int
    tokens: tuple[Token, ...] = ()
    """If return_tokens was set."""
    alignment: tuple[AlignmentLink, ...] = ()
    """If return_alignment was set."""
    attention: tuple[Attention, ...] = ()
    """If return_attention was set; one for each sentence."""


@dataclass(frozen=True, slots=True)
class Translation:
    """All there is to say about one text; as much as most need is `text`."""

    hypotheses: tuple[Hypothesis, ...]
    """Best first; at least one."""
    num_source_tokens: int
    num_dropped_source_tokens: int
    """Source tokens that truncate_source left out."""
    model: str
    """Which model answered,"""
    version: str = ""
    """and in which version; "" from a server that does not say."""
    segments: tuple[Segment, ...] = ()
    """What the best hypothesis is made of, in order of the source."""
    protected_items: tuple[ProtectedItem, ...] = ()
    terms: tuple[TermUse, ...] = ()
    warnings: tuple[AnswerWarning, ...] = ()
    """What a careful reader should look at."""
    digest: str = ""
    """Sixteen hexadecimal digits that name the very bundle."""
    options: CallOptions = field(default_factory=CallOptions, compare=False)
    """Those in effect; asked with them again, the model answers the same."""

    @property
    def text(self) -> str:
        return self.hypotheses[0].text

    @property
    def finish_reason(self) -> FinishReason:
        return self.hypotheses[0].finish_reason

    @property
    def score(self) -> float | None:
        return self.hypotheses[0].score

    @property
    def truncated(self) -> bool:
        """Whether the end of the source was not read."""
        return self.num_dropped_source_tokens > 0


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as its server describes it."""

    name: str
    version: str
    source_language: str
    """BCP 47, e.g. "en"."""
    target_language: str
    precision: str
    digest: str
    """Sixteen hexadecimal digits that name this very bundle."""
    max_source_tokens: int
    max_target_tokens: int
    default_options: CallOptions
    """What absent options mean here."""
    is_default: bool
    """Whether it answers where no model is named."""
    is_current: bool = True
    """Whether it answers to its bare name, and not to NAME@VERSION alone."""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.version}"


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in order, as many to a call as a call should carry."""
    if isinstance(texts, str):
        raise InvalidRequest(_ONE_STRING)
    batch: list[str] = []
    num_bytes = 0
    for index, text in enumerate(texts):
        size = _utf8_size(text, index)
        if batch and (len(batch) == MAX_TEXTS or num_bytes + size > MAX_BYTES):
            yield batch
            batch, num_bytes = [], 0
        batch.append(text)
        num_bytes += size
    if batch:
        yield batch


def translate_request(texts: list[str], options: CallOptions) -> pb.TranslateRequest:
    if isinstance(texts, str):  # whose letters would each be one
        raise InvalidRequest(_ONE_STRING)
    search, model = _search_options(options), _model(options)
    try:
        return pb.TranslateRequest(texts=texts, model=model, options=search)
    except (TypeError, ValueError) as cause:
        for index, text in enumerate(texts):
            _utf8_size(text, index)
        raise InvalidRequest(f"the texts cannot be sent: {cause}") from cause


def stream_request(text: str, options: CallOptions) -> pb.TranslateStreamRequest:
    _utf8_size(text, 0)
    return pb.TranslateStreamRequest(
        text=text, model=_model(options), options=_search_options(options)
    )


def batch_request(
    number: int, text: str, options: CallOptions, first: bool
) -> pb.TranslateBatchRequest:
    """`options` are said in the first request alone."""
    if not 0 <= number < 1 << 64:
        raise InvalidRequest(f"the number {number} cannot be sent; 0 to 2**64-1 can")
    _utf8_size(text, number)
    return pb.TranslateBatchRequest(
        id=number,
        text=text,
        model=_model(options),
        options=_search_options(options) if first else None,
    )


@overload
def time_limit(options: CallOptions, default_s: float) -> float: ...
@overload
def time_limit(options: CallOptions, default_s: None) -> float | None: ...
def time_limit(options: CallOptions, default_s: float | None) -> float | None:
    """Seconds for one call; None for as long as it takes."""
    timeout_s = options.get("timeout_s")
    timeout_s = default_s if timeout_s is None else timeout_s
    return None if timeout_s is None else checked_timeout(timeout_s)


def checked_timeout(timeout_s: float) -> float:
    if not timeout_s > 0:
        raise InvalidRequest(f"timeout_s is {timeout_s}; it must be above 0")
    return min(timeout_s, LONGEST_S)


def translations(response: pb.TranslateResponse, num_texts: int) -> list[Translation]:
    if len(response.results) != num_texts:
        raise ServerFailure(
            f"the server sent {len(response.results)} results for {num_texts} texts"
        )
    options = effective(response.options)
    return [translation(each, response, options) for each in response.results]


def effective(options: pb.TranslateOptions) -> CallOptions:
    """The options in effect, as a call takes them."""
    return cast(CallOptions, wire.options_from(options))


class Answered(Protocol):
    """A message that says which model answers."""

    model: str
    version: str
    digest: str


def translation(
    result: pb.Result, answer: Answered, options: CallOptions
) -> Translation:
    """`options` are those in effect."""
    if not result.hypotheses:
        raise ServerFailure("the server sent a result without a translation")
    return Translation(
        hypotheses=tuple(_hypothesis(each) for each in result.hypotheses),
        num_source_tokens=result.num_source_tokens,
        num_dropped_source_tokens=result.num_dropped_source_tokens,
        model=answer.model,
        version=answer.version,
        digest=answer.digest,
        options=options,
        segments=many(wire.segment_from, result.segments),
        protected_items=many(wire.item_from, result.protected_items),
        terms=many(wire.term_from, result.terms),
        warnings=wire.warnings_from(result.warnings),
    )


def served_model(model: pb.Model) -> ServedModel:
    return ServedModel(
        name=model.name,
        version=model.version,
        source_language=model.source_language,
        target_language=model.target_language,
        precision=model.precision,
        digest=model.digest,
        max_source_tokens=model.max_source_tokens,
        max_target_tokens=model.max_target_tokens,
        default_options=effective(model.default_options),
        is_default=model.is_default,
        is_current=model.is_current,
    )


def _hypothesis(hypothesis: pb.Hypothesis) -> Hypothesis:
    return Hypothesis(
        text=hypothesis.text,
        finish_reason=wire.finish_reason(hypothesis.finish_reason),
        score=hypothesis.score if hypothesis.HasField("score") else None,
        num_target_tokens=hypothesis.num_target_tokens,
        tokens=many(wire.token_from, hypothesis.tokens),
        alignment=many(wire.link_from, hypothesis.alignment),
        attention=many(wire.attention_from, hypothesis.attention),
    )


def _search_options(options: CallOptions) -> pb.TranslateOptions:
    given = {
        name: value
        for name, value in options.items()
        if name not in ("model", "timeout_s")
    }
    try:
        return wire.options_to(given)
    except (TypeError, ValueError, AttributeError) as cause:
        raise InvalidRequest(f"options {given} cannot be meant: {cause}") from cause


def _model(options: CallOptions) -> str | None:
    name = options.get("model")
    return None if name is None else checked_name("model", name)


def checked_name(what: str, name: str) -> str:
    """A name that can be sent; raises InvalidRequest."""
    try:
        name.encode()
    except (AttributeError, UnicodeEncodeError) as cause:
        raise InvalidRequest(f"{what} {name!r} cannot be meant: no text") from cause
    return name


def _utf8_size(text: str, index: int) -> int:
    if not isinstance(text, str):
        raise InvalidRequest(
            f"texts[{index}] is of type {type(text).__name__}; a str is wanted"
        )
    try:
        size = len(text.encode())
    except UnicodeEncodeError as cause:
        raise InvalidRequest(
            f"texts[{index}] holds half a surrogate pair at {cause.start}, which is "
            "no character; decode its bytes with errors='replace'"
        ) from cause
    if size > MAX_MESSAGE_BYTES:
        raise InvalidRequest(
            f"texts[{index}] has {size} bytes; a call carries {MAX_MESSAGE_BYTES}"
        )
    return size
