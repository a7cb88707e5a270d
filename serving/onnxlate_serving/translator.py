"""One model as its callers see it: text in, text out."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from onnxlate.bundle import Bundle, Manifest
from onnxlate.errors import InvalidRequest, SourceTooLong
from onnxlate.search import FinishReason, Hypothesis
from onnxlate.text import Detokenizer, Tokenizer

from .config import RequestLimits
from .crew import Crew
from .options import TranslateOptions
from .request import Request
from .translation import TextPiece, TranslatedHypothesis, Translation


@dataclass(frozen=True, slots=True)
class Source:
    """A text as the model reads it; no ids for a blank one."""

    ids: tuple[int, ...]
    num_dropped: int = 0


class Translator:
    """Reads texts, has engines decode them, and writes the answers."""

    def __init__(self, bundle: Bundle, crew: Crew, limits: RequestLimits) -> None:
        self.manifest: Manifest = bundle.manifest
        self._crew = crew
        self._limits = limits
        self._source_tokenizer = Tokenizer(bundle.source_tokenizer)
        self._target_tokenizer = Tokenizer(bundle.target_tokenizer)

    async def translate(
        self, texts: Sequence[str], options: TranslateOptions
    ) -> list[Translation]:
        """One translation per text, in order; decoded side by side.

        Raises InvalidRequest, SourceTooLong, Overloaded, Unavailable, ServerFailure.
        """
        if not 1 <= len(texts) <= self._limits.max_texts:
            raise InvalidRequest(
                f"{len(texts)} texts in one call; "
                f"it takes from 1 to {self._limits.max_texts}"
            )
        self._check(options)
        sources = [
            self._read(text, f"texts[{index}]", options)
            for index, text in enumerate(texts)
        ]
        requests = [self._request(each, options) for each in sources if each.ids]
        with self._crew.decoding(requests) as outboxes:
            outcomes = iter([await outbox.outcome() for outbox in outboxes])
        return [
            self._write(source, next(outcomes), options)
            if source.ids
            else blank(options)
            for source in sources
        ]

    async def stream(
        self, text: str, options: TranslateOptions
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation as it is decided; its pieces concatenate to the whole.

        Raises as `translate` does. Closing the generator frees the rows.
        """
        self._check(options)
        source = self._read(text, "text", options)
        if not source.ids:
            yield TextPiece("", blank(options))
            return
        request = self._request(source, options, streamed=True)
        detokenizer = Detokenizer(self._target_tokenizer)
        with self._crew.decoding([request]) as (outbox,):
            while True:
                piece = await outbox.get()
                said = detokenizer.add(piece.tokens)
                if piece.hypotheses:
                    break
                if said:
                    yield TextPiece(said)
        said += detokenizer.finish()
        yield TextPiece(said, self._write(source, piece.hypotheses, options))

    def _check(self, options: TranslateOptions) -> None:
        options.check(self.manifest.defaults, self.manifest.limits, self._limits)

    def _read(self, text: str, name: str, options: TranslateOptions) -> Source:
        num_bytes = len(text.encode("utf-8", "replace"))
        if num_bytes > self._limits.max_text_bytes:
            raise InvalidRequest(
                f"{name} has {num_bytes} bytes; this server takes "
                f"{self._limits.max_text_bytes}: split it into sentences"
            )
        ids = self._source_tokenizer.encode(text) if text.strip() else []
        limit = self.manifest.limits.max_source_tokens
        dropped = max(0, len(ids) - limit)
        if dropped and not options.truncate_source:
            raise SourceTooLong(
                f"{name} has {len(ids)} tokens; the model reads {limit}: split it "
                "into sentences, or set truncate_source to have its end cut off"
            )
        if dropped:
            # The end of sentence stays: the model has seen none without.
            ids = [*ids[: limit - 1], ids[-1]]
        return Source(tuple(ids), dropped)

    def _request(
        self, source: Source, options: TranslateOptions, streamed: bool = False
    ) -> Request:
        defaults, limits = self.manifest.defaults, self.manifest.limits
        search = options.search(defaults, limits, len(source.ids))
        return Request(source.ids, search, streamed)

    def _write(
        self,
        source: Source,
        outcome: Sequence[Hypothesis],
        options: TranslateOptions,
    ) -> Translation:
        hypotheses = tuple(
            TranslatedHypothesis(
                text=self._target_tokenizer.decode(each.tokens),
                finish_reason=each.finish_reason,
                score=each.score if options.return_scores else None,
                num_target_tokens=len(each.tokens)
                + (each.finish_reason is FinishReason.EOS),
            )
            for each in outcome
        )
        return Translation(hypotheses, len(source.ids), source.num_dropped)


def blank(options: TranslateOptions) -> Translation:
    """What a blank text comes to, with no model asked: certainly nothing."""
    score = 0.0 if options.return_scores else None
    hypothesis = TranslatedHypothesis("", FinishReason.EOS, score, 0)
    return Translation((hypothesis,), 0)
