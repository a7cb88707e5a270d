"""Says of answers which words they come from, and where the model looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from onnxlate.alignment import Floats, linked, told
from onnxlate.answer import AlignmentLink, Attention
from onnxlate.bundle import ModelInfo
from onnxlate.errors import InvalidRequest
from onnxlate.search import Hypothesis
from onnxlate.text import Tokenizer
from onnxlate.words import Word, words_of

from .looking import Looking
from .options import TranslateOptions
from .translation import Translation

MAX_WEIGHTS = 768 * 1024
"""Weights in all answers of a call: 3 MiB, of the 4 that gRPC's clients take in a
message unless they are told otherwise."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One text with its answer."""

    text: str
    source_ids: tuple[int, ...]
    """() of a blank one."""
    outcome: tuple[Hypothesis, ...]
    translation: Translation


class Explainer:
    """Of one model."""

    def __init__(
        self, looking: Looking, model: ModelInfo, source: Tokenizer, target: Tokenizer
    ) -> None:
        self._looking = looking
        self._model = model
        self._source, self._target = source, target

    async def explain(
        self, answers: Sequence[Answered], options: TranslateOptions
    ) -> list[Translation]:
        """The translations with what the options want to know.

        One text after the other, so that a call of many keeps nobody else waiting.
        Raises InvalidRequest if it is more than a message holds.
        """
        if options.return_attention:
            self._require_room(answers)
        return [
            await self._looking.look(
                each.source_ids,
                [hypothesis.tokens for hypothesis in each.outcome],
                partial(self._told, each, options),
            )
            if each.source_ids
            else each.translation
            for each in answers
        ]

    def _require_room(self, answers: Iterable[Answered]) -> None:
        heads = self._model.decoder_layers * self._model.heads
        count = sum(
            heads * (1 + len(hypothesis.tokens)) * len(each.source_ids)
            for each in answers
            for hypothesis in each.outcome
        )
        if count > MAX_WEIGHTS:
            raise InvalidRequest(
                f"return_attention comes to {count} weights here; an answer carries "
                f"{MAX_WEIGHTS}: ask for fewer texts, shorter ones or fewer hypotheses"
            )

    def _told(
        self, answer: Answered, options: TranslateOptions, seen: list[Floats]
    ) -> Translation:
        _, spans = self._source.encode_with_spans(answer.text)
        # Without the end, and without what was not read.
        source = words_of(answer.text, spans[: len(answer.source_ids) - 1])
        explained = []
        translated = answer.translation.hypotheses
        for each, hypothesis, looked in zip(
            translated, answer.outcome, seen, strict=True
        ):
            if options.return_alignment:
                links = self._links(source, hypothesis, looked)
                each = replace(each, alignment=links)
            if options.return_attention:
                attention = self._attention(answer.source_ids, hypothesis, looked)
                each = replace(each, attention=(attention,))
            explained.append(each)
        return replace(answer.translation, hypotheses=tuple(explained))

    def _links(
        self, source: Sequence[Word], hypothesis: Hypothesis, seen: Floats
    ) -> tuple[AlignmentLink, ...]:
        text, spans = self._target.decode_with_spans(hypothesis.tokens)
        looked = told(seen, self._looking.info.alignment)
        return linked(looked, source, words_of(text, spans))

    def _attention(
        self, source_ids: Sequence[int], hypothesis: Hypothesis, seen: Floats
    ) -> Attention:
        fed = [self._looking.bos, *hypothesis.tokens]
        return Attention(
            source_pieces=tuple(map(self._source.piece, source_ids)),
            target_pieces=tuple(map(self._target.piece, fed)),
            num_layers=seen.shape[0],
            num_heads=seen.shape[1],
            weights=tuple(seen.ravel().tolist()),
        )
