from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORMAT_UNSPECIFIED: _ClassVar[Format]
    FORMAT_SENTENCE: _ClassVar[Format]
    FORMAT_TEXT: _ClassVar[Format]
    FORMAT_HTML: _ClassVar[Format]
    FORMAT_MARKDOWN: _ClassVar[Format]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_EOS: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
FORMAT_UNSPECIFIED: Format
FORMAT_SENTENCE: Format
FORMAT_TEXT: Format
FORMAT_HTML: Format
FORMAT_MARKDOWN: Format
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_EOS: FinishReason
FINISH_REASON_LENGTH: FinishReason

class TranslateRequest(_message.Message):
    __slots__ = ("texts", "model", "options")
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    texts: _containers.RepeatedScalarFieldContainer[str]
    model: str
    options: TranslateOptions
    def __init__(self, texts: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class TranslateStreamRequest(_message.Message):
    __slots__ = ("text", "model", "options")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    text: str
    model: str
    options: TranslateOptions
    def __init__(self, text: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class TranslateOptions(_message.Message):
    __slots__ = ("beam_size", "num_hypotheses", "length_penalty", "max_target_tokens", "return_scores", "truncate_source", "format", "protect", "protected_phrases", "glossary", "terms", "min_target_tokens", "repetition_penalty", "no_repeat_ngram_size", "coverage_penalty", "sampling", "target_prefix", "banned_phrases", "return_alignment", "return_tokens", "return_attention")
    BEAM_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_HYPOTHESES_FIELD_NUMBER: _ClassVar[int]
    LENGTH_PENALTY_FIELD_NUMBER: _ClassVar[int]
    MAX_TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RETURN_SCORES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PROTECT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_PHRASES_FIELD_NUMBER: _ClassVar[int]
    GLOSSARY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    MIN_TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    NO_REPEAT_NGRAM_SIZE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    TARGET_PREFIX_FIELD_NUMBER: _ClassVar[int]
    BANNED_PHRASES_FIELD_NUMBER: _ClassVar[int]
    RETURN_ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    RETURN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RETURN_ATTENTION_FIELD_NUMBER: _ClassVar[int]
    beam_size: int
    num_hypotheses: int
    length_penalty: float
    max_target_tokens: int
    return_scores: bool
    truncate_source: bool
    format: Format
    protect: bool
    protected_phrases: _containers.RepeatedScalarFieldContainer[str]
    glossary: str
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    min_target_tokens: int
    repetition_penalty: float
    no_repeat_ngram_size: int
    coverage_penalty: float
    sampling: Sampling
    target_prefix: str
    banned_phrases: _containers.RepeatedScalarFieldContainer[str]
    return_alignment: bool
    return_tokens: bool
    return_attention: bool
    def __init__(self, beam_size: _Optional[int] = ..., num_hypotheses: _Optional[int] = ..., length_penalty: _Optional[float] = ..., max_target_tokens: _Optional[int] = ..., return_scores: _Optional[bool] = ..., truncate_source: _Optional[bool] = ..., format: _Optional[_Union[Format, str]] = ..., protect: _Optional[bool] = ..., protected_phrases: _Optional[_Iterable[str]] = ..., glossary: _Optional[str] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., min_target_tokens: _Optional[int] = ..., repetition_penalty: _Optional[float] = ..., no_repeat_ngram_size: _Optional[int] = ..., coverage_penalty: _Optional[float] = ..., sampling: _Optional[_Union[Sampling, _Mapping]] = ..., target_prefix: _Optional[str] = ..., banned_phrases: _Optional[_Iterable[str]] = ..., return_alignment: _Optional[bool] = ..., return_tokens: _Optional[bool] = ..., return_attention: _Optional[bool] = ...) -> None: ...

class Sampling(_message.Message):
    __slots__ = ("temperature", "top_k", "top_p", "seed")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    top_k: int
    top_p: float
    seed: int
    def __init__(self, temperature: _Optional[float] = ..., top_k: _Optional[int] = ..., top_p: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("source", "target")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ...) -> None: ...

class TranslateResponse(_message.Message):
    __slots__ = ("results", "model", "version", "digest", "options")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    model: str
    version: str
    digest: str
    options: TranslateOptions
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("hypotheses", "num_source_tokens", "num_dropped_source_tokens", "segments", "protected_items", "terms", "warnings")
    HYPOTHESES_FIELD_NUMBER: _ClassVar[int]
    NUM_SOURCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_DROPPED_SOURCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_ITEMS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    hypotheses: _containers.RepeatedCompositeFieldContainer[Hypothesis]
    num_source_tokens: int
    num_dropped_source_tokens: int
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    protected_items: _containers.RepeatedCompositeFieldContainer[ProtectedItem]
    terms: _containers.RepeatedCompositeFieldContainer[TermUse]
    warnings: _containers.RepeatedCompositeFieldContainer[AnswerWarning]
    def __init__(self, hypotheses: _Optional[_Iterable[_Union[Hypothesis, _Mapping]]] = ..., num_source_tokens: _Optional[int] = ..., num_dropped_source_tokens: _Optional[int] = ..., segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ..., protected_items: _Optional[_Iterable[_Union[ProtectedItem, _Mapping]]] = ..., terms: _Optional[_Iterable[_Union[TermUse, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[AnswerWarning, _Mapping]]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("start", "end", "start_byte", "end_byte")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    START_BYTE_FIELD_NUMBER: _ClassVar[int]
    END_BYTE_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    start_byte: int
    end_byte: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., start_byte: _Optional[int] = ..., end_byte: _Optional[int] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("source", "target", "translated", "finish_reason", "score")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    source: Span
    target: Span
    translated: bool
    finish_reason: FinishReason
    score: float
    def __init__(self, source: _Optional[_Union[Span, _Mapping]] = ..., target: _Optional[_Union[Span, _Mapping]] = ..., translated: _Optional[bool] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., score: _Optional[float] = ...) -> None: ...

class ProtectedItem(_message.Message):
    __slots__ = ("kind", "source", "target", "kept", "reason")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[ProtectedItem.Kind]
        KIND_URL: _ClassVar[ProtectedItem.Kind]
        KIND_EMAIL: _ClassVar[ProtectedItem.Kind]
        KIND_NUMBER: _ClassVar[ProtectedItem.Kind]
        KIND_PLACEHOLDER: _ClassVar[ProtectedItem.Kind]
        KIND_CODE: _ClassVar[ProtectedItem.Kind]
        KIND_PHRASE: _ClassVar[ProtectedItem.Kind]
        KIND_TAG: _ClassVar[ProtectedItem.Kind]
    KIND_UNSPECIFIED: ProtectedItem.Kind
    KIND_URL: ProtectedItem.Kind
    KIND_EMAIL: ProtectedItem.Kind
    KIND_NUMBER: ProtectedItem.Kind
    KIND_PLACEHOLDER: ProtectedItem.Kind
    KIND_CODE: ProtectedItem.Kind
    KIND_PHRASE: ProtectedItem.Kind
    KIND_TAG: ProtectedItem.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: ProtectedItem.Kind
    source: Span
    target: Span
    kept: bool
    reason: str
    def __init__(self, kind: _Optional[_Union[ProtectedItem.Kind, str]] = ..., source: _Optional[_Union[Span, _Mapping]] = ..., target: _Optional[_Union[Span, _Mapping]] = ..., kept: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class TermUse(_message.Message):
    __slots__ = ("source_term", "target_term", "outcome", "source", "target")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[TermUse.Outcome]
        OUTCOME_APPLIED: _ClassVar[TermUse.Outcome]
        OUTCOME_NOT_APPLICABLE: _ClassVar[TermUse.Outcome]
        OUTCOME_MISSED: _ClassVar[TermUse.Outcome]
    OUTCOME_UNSPECIFIED: TermUse.Outcome
    OUTCOME_APPLIED: TermUse.Outcome
    OUTCOME_NOT_APPLICABLE: TermUse.Outcome
    OUTCOME_MISSED: TermUse.Outcome
    SOURCE_TERM_FIELD_NUMBER: _ClassVar[int]
    TARGET_TERM_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    source_term: str
    target_term: str
    outcome: TermUse.Outcome
    source: Span
    target: Span
    def __init__(self, source_term: _Optional[str] = ..., target_term: _Optional[str] = ..., outcome: _Optional[_Union[TermUse.Outcome, str]] = ..., source: _Optional[_Union[Span, _Mapping]] = ..., target: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...

class AnswerWarning(_message.Message):
    __slots__ = ("kind", "details", "source", "target", "decoded_again")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[AnswerWarning.Kind]
        KIND_TRUNCATED_SOURCE: _ClassVar[AnswerWarning.Kind]
        KIND_UNFINISHED: _ClassVar[AnswerWarning.Kind]
        KIND_REPETITION: _ClassVar[AnswerWarning.Kind]
        KIND_TOO_SHORT: _ClassVar[AnswerWarning.Kind]
        KIND_TOO_LONG: _ClassVar[AnswerWarning.Kind]
        KIND_UNKNOWN_CHARACTERS: _ClassVar[AnswerWarning.Kind]
        KIND_LANGUAGE: _ClassVar[AnswerWarning.Kind]
        KIND_UNSURE: _ClassVar[AnswerWarning.Kind]
        KIND_UNTRANSLATED: _ClassVar[AnswerWarning.Kind]
    KIND_UNSPECIFIED: AnswerWarning.Kind
    KIND_TRUNCATED_SOURCE: AnswerWarning.Kind
    KIND_UNFINISHED: AnswerWarning.Kind
    KIND_REPETITION: AnswerWarning.Kind
    KIND_TOO_SHORT: AnswerWarning.Kind
    KIND_TOO_LONG: AnswerWarning.Kind
    KIND_UNKNOWN_CHARACTERS: AnswerWarning.Kind
    KIND_LANGUAGE: AnswerWarning.Kind
    KIND_UNSURE: AnswerWarning.Kind
    KIND_UNTRANSLATED: AnswerWarning.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DECODED_AGAIN_FIELD_NUMBER: _ClassVar[int]
    kind: AnswerWarning.Kind
    details: str
    source: Span
    target: Span
    decoded_again: bool
    def __init__(self, kind: _Optional[_Union[AnswerWarning.Kind, str]] = ..., details: _Optional[str] = ..., source: _Optional[_Union[Span, _Mapping]] = ..., target: _Optional[_Union[Span, _Mapping]] = ..., decoded_again: _Optional[bool] = ...) -> None: ...

class Hypothesis(_message.Message):
    __slots__ = ("text", "finish_reason", "score", "num_target_tokens", "tokens", "alignment", "attention")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    NUM_TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    text: str
    finish_reason: FinishReason
    score: float
    num_target_tokens: int
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    alignment: _containers.RepeatedCompositeFieldContainer[AlignmentLink]
    attention: _containers.RepeatedCompositeFieldContainer[Attention]
    def __init__(self, text: _Optional[str] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., score: _Optional[float] = ..., num_target_tokens: _Optional[int] = ..., tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ..., alignment: _Optional[_Iterable[_Union[AlignmentLink, _Mapping]]] = ..., attention: _Optional[_Iterable[_Union[Attention, _Mapping]]] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("piece", "log_prob", "target")
    PIECE_FIELD_NUMBER: _ClassVar[int]
    LOG_PROB_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    piece: str
    log_prob: float
    target: Span
    def __init__(self, piece: _Optional[str] = ..., log_prob: _Optional[float] = ..., target: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...

class AlignmentLink(_message.Message):
    __slots__ = ("source", "target", "probability")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    source: Span
    target: Span
    probability: float
    def __init__(self, source: _Optional[_Union[Span, _Mapping]] = ..., target: _Optional[_Union[Span, _Mapping]] = ..., probability: _Optional[float] = ...) -> None: ...

class Attention(_message.Message):
    __slots__ = ("source_pieces", "target_pieces", "num_layers", "num_heads", "weights")
    SOURCE_PIECES_FIELD_NUMBER: _ClassVar[int]
    TARGET_PIECES_FIELD_NUMBER: _ClassVar[int]
    NUM_LAYERS_FIELD_NUMBER: _ClassVar[int]
    NUM_HEADS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    source_pieces: _containers.RepeatedScalarFieldContainer[str]
    target_pieces: _containers.RepeatedScalarFieldContainer[str]
    num_layers: int
    num_heads: int
    weights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, source_pieces: _Optional[_Iterable[str]] = ..., target_pieces: _Optional[_Iterable[str]] = ..., num_layers: _Optional[int] = ..., num_heads: _Optional[int] = ..., weights: _Optional[_Iterable[float]] = ...) -> None: ...

class TranslateStreamResponse(_message.Message):
    __slots__ = ("piece", "result", "model", "version", "digest", "options")
    PIECE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    piece: str
    result: Result
    model: str
    version: str
    digest: str
    options: TranslateOptions
    def __init__(self, piece: _Optional[str] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class TranslateBatchRequest(_message.Message):
    __slots__ = ("id", "text", "model", "options")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    id: int
    text: str
    model: str
    options: TranslateOptions
    def __init__(self, id: _Optional[int] = ..., text: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class TranslateBatchResponse(_message.Message):
    __slots__ = ("id", "result", "failure", "model", "version", "digest", "options")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    id: int
    result: Result
    failure: Failure
    model: str
    version: str
    digest: str
    options: TranslateOptions
    def __init__(self, id: _Optional[int] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., options: _Optional[_Union[TranslateOptions, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "version", "source_language", "target_language", "precision", "digest", "max_source_tokens", "max_target_tokens", "default_options", "is_default", "is_current")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TARGET_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MAX_SOURCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    IS_CURRENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    source_language: str
    target_language: str
    precision: str
    digest: str
    max_source_tokens: int
    max_target_tokens: int
    default_options: TranslateOptions
    is_default: bool
    is_current: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., source_language: _Optional[str] = ..., target_language: _Optional[str] = ..., precision: _Optional[str] = ..., digest: _Optional[str] = ..., max_source_tokens: _Optional[int] = ..., max_target_tokens: _Optional[int] = ..., default_options: _Optional[_Union[TranslateOptions, _Mapping]] = ..., is_default: _Optional[bool] = ..., is_current: _Optional[bool] = ...) -> None: ...
