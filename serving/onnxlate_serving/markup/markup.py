"""Pages and Markdown, translated around their marks."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial

from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest

from ..beside import done
from ..caller import ANYBODY, Caller
from ..config import RequestLimits
from ..layer import Layer
from ..options import TranslateOptions
from ..sizes import check_pages
from ..translation import TextPiece, Translation
from .atoms import Block, Passage
from .html import read_html
from .job import Job, question, values_in
from .markdown import read_markdown
from .questions import Question, Questions
from .settled import Settled, joined

READERS = {Format.HTML: read_html, Format.MARKDOWN: read_markdown}

AHEAD = 16
"""Parts of a stream that are translated at once, but for the first ones: these are
fewer, and come sooner."""


class Markup:
    """The layer of marked-up texts; it has no business with others."""

    def __init__(
        self,
        below: Layer,
        limits: RequestLimits,
        format_below: Format = Format.TEXT,
        length_penalty: float = 1.0,
    ) -> None:
        """`format_below` is what the words of a block are to the layer below, and
        `length_penalty` what it has where a call says none."""
        self._below = below
        self._limits = limits
        self._format_below = format_below
        self._length_penalty = length_penalty

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """One translation per text, in order; all their blocks side by side.

        Raises InvalidRequest, SourceTooLong, Overloaded, DeadlineExceeded, Unavailable,
        ServerFailure.
        """
        if options.format not in READERS:
            return await self._below.translate(texts, options, caller)
        self._check(texts, options)
        documents = [await _read(text, options.format) for text in texts]
        self._count(documents)
        questions = await self._questions(options, caller)
        passages = [passage for document in documents for passage in document]
        outcomes = iter(await _outcomes(passages, questions))

        def wholes() -> list[Translation]:
            return [
                self._whole([next(outcomes) for _ in document], options)
                for document in documents
            ]

        return await done(wholes, sum(map(len, texts)))

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation block by block; its pieces concatenate to the whole.

        Raises as `translate` does. Closing the generator frees the rows.
        """
        if options.format not in READERS:
            async with aclosing(self._below.stream(text, options, caller)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        self._check([text], options)
        passages = await _read(text, options.format)
        self._count([passages])
        questions = await self._questions(options, caller)
        done: list[Settled] = []
        num_ahead = 1
        while len(done) < len(passages):
            some = _some(passages, len(done), num_ahead)
            num_ahead = min(AHEAD, 2 * num_ahead)
            for outcome in await _outcomes(some, questions):
                done.append(outcome)
                if outcome.text:
                    yield TextPiece(outcome.text)
        yield TextPiece("", self._whole(done, options))

    def _whole(
        self, parts: Sequence[Settled], options: TranslateOptions
    ) -> Translation:
        penalty = options.length_penalty
        if penalty is None:
            penalty = self._length_penalty
        return joined(parts).translation(options, penalty)

    def _check(self, texts: Sequence[str], options: TranslateOptions) -> None:
        check_pages(texts, self._limits)
        if options.target_prefix:
            raise InvalidRequest(
                "target_prefix is what one sentence begins with; it says nothing of "
                f"{options.format.value}: leave it out"
            )

    def _count(self, documents: Sequence[Sequence[Passage]]) -> None:
        num_blocks = sum(map(_num_blocks, documents))
        if num_blocks > self._limits.max_sentences:
            raise InvalidRequest(
                f"{num_blocks} blocks of words in one call; it takes "
                f"{self._limits.max_sentences}: send the texts in several calls"
            )

    async def _questions(self, options: TranslateOptions, caller: Caller) -> Questions:
        """Raises InvalidRequest for options that no text can be translated with."""
        questions = Questions(
            self._below, options, caller, self._format_below, self._limits.max_texts
        )
        # A page may have no words; its options are looked at all the same.
        await questions.ask([Question("")])
        return questions


async def _read(text: str, format: Format) -> list[Passage]:
    return await done(lambda: READERS[format](text), len(text))


async def _outcomes(passages: Sequence[Passage], questions: Questions) -> list[Settled]:
    """What each comes to, in order."""
    jobs = [Job(passage) for passage in passages]
    while True:
        asked = [block for job in jobs for block in job.blocks()]
        answers = await questions.ask([question(block) for block in asked])
        known = dict(zip(asked, answers, strict=True))
        size = sum(job.size for job in jobs if not job.outcome)
        await done(partial(_take, jobs, known), size)
        outcomes = [job.outcome for job in jobs if job.outcome]
        if len(outcomes) == len(jobs):
            return outcomes


def _take(jobs: Sequence[Job], known: Mapping[Block, Translation]) -> None:
    for job in jobs:
        if job.outcome is None:
            job.take(known)


def _num_blocks(passages: Sequence[Passage]) -> int:
    """Those in marks included."""
    return sum(
        isinstance(part, Block) + sum(1 for _ in values_in([part]))
        for passage in passages
        for part in passage.parts
    )


def _some(
    passages: Sequence[Passage], start: int, num_blocks: int
) -> Sequence[Passage]:
    """From there on, about so many blocks and what is copied between them."""
    end = start
    while end < len(passages) and num_blocks > 0:
        num_blocks -= sum(isinstance(part, Block) for part in passages[end].parts)
        end += 1
    return passages[start:end]
