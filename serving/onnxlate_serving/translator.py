"""One model as its callers see it: text in, text out."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass

from onnxlate.bundle import Bundle, Manifest
from onnxlate.errors import BundleError, InvalidRequest, SourceTooLong
from onnxlate.search import FinishReason, Hypothesis
from onnxlate.text import Detokenizer, Tokenizer

from .caller import ANYBODY, Caller
from .config import RequestLimits
from .crew import Crew
from .options import TranslateOptions
from .request import Request
from .result_cache import Answer, Question, ResultCache
from .translation import TextPiece, TranslatedHypothesis, Translation

LOOKED_UP = 1000
"""Characters of a call that are read in a crowd too, in case its answers are known."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text as the model reads it; no ids for a blank one."""

    ids: tuple[int, ...]
    num_dropped: int = 0


class Translator:
    """Reads texts, has engines decode them, and writes the answers."""

    def __init__(
        self, bundle: Bundle, crew: Crew, limits: RequestLimits, max_cached: int = 0
    ) -> None:
        """`max_cached` is how many answers it remembers.

        Raises BundleError if a tokenizer is another model's.
        """
        self.manifest: Manifest = bundle.manifest
        self._crew = crew
        self._limits = limits
        self._cache = ResultCache(max_cached)
        self._source_tokenizer = Tokenizer(bundle.source_tokenizer)
        self._target_tokenizer = Tokenizer(bundle.target_tokenizer)
        model = bundle.manifest.model
        for side, tokenizer, size in (
            ("source", self._source_tokenizer, model.source_vocabulary),
            ("target", self._target_tokenizer, model.target_vocabulary),
        ):
            if len(tokenizer) != size:
                raise BundleError(
                    f"{bundle.path}: the {side} tokenizer has {len(tokenizer)} tokens "
                    f"and the model {size}; they are not of one bundle"
                )

    @property
    def num_remembered(self) -> int:
        """Answers that were not decoded, since they were known."""
        return self._cache.num_found

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """One translation per text, in order; decoded side by side.

        Raises InvalidRequest, SourceTooLong, Overloaded, DeadlineExceeded,
        Unavailable, ServerFailure.
        """
        if not 1 <= len(texts) <= self._limits.max_texts:
            raise InvalidRequest(
                f"{len(texts)} texts in one call; "
                f"it takes from 1 to {self._limits.max_texts}"
            )
        self._check(options)
        self._check_room(texts, caller)
        sources = [
            self._read(text, f"texts[{index}]", options)
            for index, text in enumerate(texts)
        ]
        questions = [self._question(each, options) for each in sources]
        answers = await self._answers(
            dict.fromkeys(each for each in questions if each), caller
        )
        return [
            self._write(source, answers[question], options)
            if question
            else blank(options)
            for source, question in zip(sources, questions, strict=True)
        ]

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation as it is decided; its pieces concatenate to the whole.

        Raises as `translate` does. Closing the generator frees the rows.
        """
        self._check(options)
        self._check_room([text], caller)
        source = self._read(text, "text", options)
        question = self._question(source, options)
        if question is None:
            yield TextPiece("", blank(options))
            return
        answer = self._cache.get(question)
        if answer is not None:
            result = self._write(source, answer, options)
            yield TextPiece(result.hypotheses[0].text, result)
            return
        request = Request(question.source_ids, question.options, streamed=True)
        detokenizer = Detokenizer(self._target_tokenizer)
        with self._crew.decoding([request], caller) as (outbox,):
            while True:
                piece = await outbox.get()
                said = detokenizer.add(piece.tokens)
                if piece.hypotheses:
                    break
                if said:
                    yield TextPiece(said)
        self._cache.put(question, piece.hypotheses)
        said += detokenizer.finish()
        yield TextPiece(said, self._write(source, piece.hypotheses, options))

    async def _answers(
        self, questions: Iterable[Question], caller: Caller
    ) -> dict[Question, Answer]:
        """Remembers what it can, and has the rest decoded side by side."""
        answers: dict[Question, Answer] = {}
        unknown = []
        for question in questions:
            answer = self._cache.get(question)
            if answer is None:
                unknown.append(question)
            else:
                answers[question] = answer
        requests = [Request(each.source_ids, each.options) for each in unknown]
        with self._crew.decoding(requests, caller) as outboxes:
            for question, outbox in zip(unknown, outboxes, strict=True):
                answers[question] = await outbox.outcome()
                self._cache.put(question, answers[question])
        return answers

    def _check_room(self, texts: Sequence[str], caller: Caller) -> None:
        """Refuses before it reads anything, unless it may know the answers.

        To find that out takes tokens, and those of long texts take too long.
        """
        if len(self._cache) and sum(map(len, texts)) <= LOOKED_UP:
            return
        self._crew.check_room(caller)

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

    def _question(self, source: Source, options: TranslateOptions) -> Question | None:
        """None of a blank text, which has an answer already."""
        if not source.ids:
            return None
        defaults, limits = self.manifest.defaults, self.manifest.limits
        search = options.search(defaults, limits, len(source.ids))
        return Question(source.ids, search)

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
