"""Pages and Markdown, translated around their marks."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest

from ..caller import ANYBODY, Caller
from ..config import RequestLimits
from ..layer import Layer
from ..options import TranslateOptions
from ..translation import TextPiece, Translation
from .atoms import Block, Passage
from .html import read_html
from .job import Job, question
from .markdown import read_markdown
from .questions import Question, Questions
from .settled import Settled, joined

READERS = {Format.HTML: read_html, Format.MARKDOWN: read_markdown}

SHORT = 4096
"""Characters that are read in no time: a few milliseconds. More is read beside the
event loop."""

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
    ) -> None:
        """`format_below` is what the words of a block are to the layer below."""
        self._below = below
        self._limits = limits
        self._format_below = format_below

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
        questions = await self._questions(options, caller)
        passages = [passage for document in documents for passage in document]
        outcomes = iter(await _outcomes(passages, questions))
        return [
            joined(next(outcomes) for _ in document).translation(options.return_scores)
            for document in documents
        ]

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
        yield TextPiece("", joined(done).translation(options.return_scores))

    def _check(self, texts: Sequence[str], options: TranslateOptions) -> None:
        limits = self._limits
        if not 1 <= len(texts) <= limits.max_texts:
            raise InvalidRequest(
                f"{len(texts)} texts in one call; it takes from 1 to {limits.max_texts}"
            )
        for index, text in enumerate(texts):
            num_bytes = len(text.encode("utf-8", "replace"))
            if num_bytes > limits.max_text_bytes:
                raise InvalidRequest(
                    f"texts[{index}] has {num_bytes} bytes; this server takes "
                    f"{limits.max_text_bytes}: split it between two paragraphs"
                )
        if options.target_prefix:
            raise InvalidRequest(
                "target_prefix is what one sentence begins with; it says nothing of "
                f"{options.format.value}: leave it out"
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
    read = READERS[format]
    if len(text) <= SHORT:
        return read(text)
    return await asyncio.to_thread(read, text)


async def _outcomes(passages: Sequence[Passage], questions: Questions) -> list[Settled]:
    """What each comes to, in order."""
    jobs = [Job(passage) for passage in passages]
    while True:
        asked = [block for job in jobs for block in job.blocks()]
        answers = await questions.ask([question(block) for block in asked])
        known = dict(zip(asked, answers, strict=True))
        for job in jobs:
            if job.outcome is None and job.size > SHORT:
                await asyncio.to_thread(job.take, known)
            elif job.outcome is None:
                job.take(known)
        outcomes = [job.outcome for job in jobs if job.outcome]
        if len(outcomes) == len(jobs):
            return outcomes


def _some(
    passages: Sequence[Passage], start: int, num_blocks: int
) -> Sequence[Passage]:
    """From there on, about so many blocks and what is copied between them."""
    end = start
    while end < len(passages) and num_blocks > 0:
        num_blocks -= sum(isinstance(part, Block) for part in passages[end].parts)
        end += 1
    return passages[start:end]
