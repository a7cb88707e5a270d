"""Translations as the outputs of an inference response."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from google.protobuf.json_format import MessageToJson

from onnxlate.finish import FinishReason

from . import kserve_pb2 as pb
from .service import result
from .tensors import (
    DETAILS,
    FINISH_REASON,
    SCORE,
    TRANSLATION,
    add_bytes,
    add_floats,
)
from .translation import TranslatedHypothesis, Translation

REASONS = {FinishReason.EOS: "eos", FinishReason.LENGTH: "length"}

Of = Callable[[TranslatedHypothesis | None], str]

TEXTS: dict[str, Of] = {
    TRANSLATION: lambda each: each.text if each else "",
    FINISH_REASON: lambda each: REASONS[each.finish_reason] if each else "",
}
"""What a hypothesis has in an output, and what stands where there is none."""


async def add_outputs(
    response: pb.ModelInferResponse,
    outputs: Sequence[str],
    texts: Sequence[str],
    translations: Sequence[Translation],
    shape: Sequence[int],
    num_hypotheses: int = 1,
) -> None:
    """Of `shape`, which is the texts'; with several hypotheses of each, they are one
    more axis, at the end, and where there are fewer the rest is empty."""
    told: list[str] = []
    if DETAILS in outputs:
        # Seconds, of all the attention that a call may ask for.
        told = await asyncio.to_thread(lambda: [*map(details, translations, texts)])
    found = [
        each.hypotheses[rank] if rank < len(each.hypotheses) else None
        for each in translations
        for rank in range(num_hypotheses)
    ]
    whole = shape if num_hypotheses == 1 else [*shape, num_hypotheses]
    for name in outputs:
        if name == DETAILS:
            add_bytes(response, name, told, shape)
        elif name == SCORE:
            scores = [(each.score or 0.0) if each else -math.inf for each in found]
            add_floats(response, name, scores, whole)
        else:
            add_bytes(response, name, [TEXTS[name](each) for each in found], whole)


def details(translation: Translation, text: str) -> str:
    """All that is known of an answer: onnxlate.v1.Result as JSON."""
    return MessageToJson(
        result(translation, text), preserving_proto_field_name=True, indent=None
    )
