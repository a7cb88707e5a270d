"""Parameters of an inference request as options of a translation.

A parameter is a number, a truth value or a string, so what is a list in our own proto
is JSON here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from onnxlate.answer import Format, Sampling, Term
from onnxlate.errors import InvalidRequest

from . import kserve_pb2 as pb
from .options import TranslateOptions
from .tensors import SCORE

STREAM = "stream"
"""Parameter: whether a text's translation comes in pieces."""

IGNORED = {
    *("sequence_id", "sequence_start", "sequence_end", "priority", "timeout"),
    *("binary_data_output", "triton_enable_empty_final_response"),
}
"""Parameters that clients send by themselves and that change nothing here."""

DRAWN = ("temperature", "top_k", "top_p", "seed")
"""Those that make a Sampling: one of them is enough."""

Phrases = Json[tuple[str, ...]]
"""A list of strings."""


class Parameters(BaseModel):
    """What each may be; how large, TranslateOptions checks."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    beam_size: int | None = None
    num_hypotheses: int | None = None
    length_penalty: float | None = None
    max_target_tokens: int | None = None
    min_target_tokens: int | None = None
    truncate_source: bool = False
    format: Annotated[Format, Field(strict=False)] = Format.SENTENCE
    """In the words of Format's values."""
    protect: bool | None = None
    protected_phrases: Phrases = ()
    glossary: str = ""
    terms: Json[dict[str, str]] = Field(default_factory=dict)
    """Source -> target."""
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    coverage_penalty: float | None = None
    temperature: float = 1.0
    top_k: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    top_p: float = 1.0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 0
    target_prefix: str | None = None
    banned_phrases: Phrases = ()
    return_alignment: bool = False
    return_tokens: bool = False
    return_attention: bool = False
    stream: bool = False

    @property
    def _sampling(self) -> Sampling | None:
        if self.model_fields_set.isdisjoint(DRAWN):
            return None
        return Sampling(self.temperature, self.top_k, self.top_p, self.seed)

    def options(self, outputs: Sequence[str]) -> TranslateOptions:
        given = {name: getattr(self, name) for name in type(self).model_fields}
        for name in (STREAM, *DRAWN):
            del given[name]
        given["terms"] = tuple(Term(*each) for each in self.terms.items())
        return TranslateOptions(
            **given, return_scores=SCORE in outputs, sampling=self._sampling
        )


KNOWN = IGNORED | Parameters.model_fields.keys()


def parameters_of(request: pb.ModelInferRequest) -> Parameters:
    """Raises InvalidRequest that names the parameter."""
    for name in request.parameters:  # before any is read: there may be very many
        if name not in KNOWN:
            known = ", ".join(Parameters.model_fields)
            raise InvalidRequest(
                f"there is no parameter {name[:64]!r}; there are {known}"
            )
    given = {
        name: getattr(parameter, parameter.WhichOneof("parameter_choice") or "", ())
        for name, parameter in request.parameters.items()
        if name not in IGNORED
    }
    try:
        return Parameters.model_validate(given)
    except ValidationError as cause:
        raise InvalidRequest(_explain(cause)) from cause


def _explain(cause: ValidationError) -> str:
    error: Any = cause.errors(include_input=False, include_context=False)[0]
    return f"parameter {error['loc'][0]}: {error['msg']}"
