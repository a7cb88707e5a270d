"""Texts of any length, translated sentence by sentence, with their layout as it was."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import repeat

from onnxlate.answer import Format
from onnxlate.bundle import Manifest
from onnxlate.errors import InvalidRequest
from onnxlate.text import Tokenizer

from ..beside import SHORT, done
from ..caller import ANYBODY, Caller
from ..config import RequestLimits
from ..guard.guard import Guard, Read
from ..layer import Layer
from ..options import TranslateOptions
from ..sizes import check_pages
from ..translation import TextPiece, Translation
from .again import SAFE_BEAM, better, safer, suspicious
from .assembly import assembled
from .crowd import GROUP, translate_many
from .live import Live
from .parts import Part, splitter

FEW = 8
"""Sentences that are."""

SOON_S = 0.002
"""By then an engine that was idle has begun; single short sentences are over."""

AHEAD = 16
"""Sentences of a stream that are decoded at once: the one that is read, and others
that will be there when their turn comes. However slow the reader, no more are."""

ROOM = 8
"""This part of the longest source is left for what layers below may add."""


class Documents:
    """The layer of plain texts; single sentences it has looked over, and no more."""

    def __init__(
        self,
        below: Layer,
        manifest: Manifest,
        tokenizer: Tokenizer,
        limits: RequestLimits,
    ) -> None:
        """`tokenizer` is the source's."""
        self._below = below
        self._manifest = manifest
        self._limits = limits
        self._guard = Guard(manifest, tokenizer)
        most = manifest.limits.max_source_tokens
        self._split = splitter(
            manifest.source_language,
            lambda text: len(tokenizer.encode(text)),
            max(1, most - most // ROOM),
        )

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """One translation per text, in order; all sentences side by side.

        Raises InvalidRequest, Overloaded, DeadlineExceeded, Unavailable, ServerFailure.
        """
        if options.format is Format.SENTENCE:
            return await self._sentences(texts, options, caller)
        if options.format is not Format.TEXT:
            return await self._below.translate(texts, options, caller)
        self._check(texts, options)
        split = await self._parts(texts, options)
        asked = dict.fromkeys(part.text for parts in split for part in parts)
        answers = await self._answers(list(asked), options, caller)
        known = dict(zip(asked, answers, strict=True))

        def wholes() -> list[Translation]:
            return [
                assembled(
                    text,
                    parts,
                    [known[each.text] for each in parts],
                    options,
                    self._length_penalty(options),
                )
                for text, parts in zip(texts, split, strict=True)
            ]

        return await done(wholes, sum(map(len, texts)))

    async def _sentences(
        self, texts: Sequence[str], options: TranslateOptions, caller: Caller
    ) -> list[Translation]:
        """One for each; while the model is at work on a few, the sources are looked
        over already."""
        known: list[Read] = []

        def read() -> None:
            known.extend([self._guard.read(each) for each in texts])  # all or none

        few = len(texts) <= FEW and sum(map(len, texts)) <= SHORT
        # Not at once, or the engine would have to wait for it.
        soon = few and asyncio.get_running_loop().call_later(SOON_S, read)
        try:
            answers = await self._below.translate(texts, self._scored(options), caller)
        finally:
            if soon:
                soon.cancel()
        return await self._all_looked_over(texts, answers, options, known)

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation as it is decided; its pieces concatenate to the whole.

        Raises as `translate` does. Closing the generator frees the rows. What was said
        cannot be taken back, so a stream has warnings, and no second tries.
        """
        if options.format is Format.TEXT:
            self._check([text], options)
            [parts] = await self._parts([text], options)
            pieces = self._stream(text, parts, options, caller)
        else:
            pieces = self._sentence(text, options, caller)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _sentence(
        self, text: str, options: TranslateOptions, caller: Caller
    ) -> AsyncGenerator[TextPiece, None]:
        pieces = self._below.stream(text, self._scored(options), caller)
        async with aclosing(pieces):
            async for piece in pieces:
                if piece.translation:
                    whole = self._looked_over(text, piece.translation, options)
                    piece = replace(piece, translation=whole)
                yield piece

    async def _stream(
        self,
        text: str,
        parts: Sequence[Part],
        options: TranslateOptions,
        caller: Caller,
    ) -> AsyncGenerator[TextPiece, None]:
        asked = self._of_sentences(options)
        waiting = deque(parts)
        under_way: deque[Live] = deque()
        answers: list[Translation] = []
        copied = 0
        try:
            for part in parts:
                while waiting and len(under_way) < AHEAD:
                    admitted = bool(answers or under_way)
                    each = waiting.popleft()
                    live = Live(self._below, each, asked, caller, admitted)
                    under_way.append(live)
                if before := text[copied : part.source.start]:
                    yield TextPiece(before)
                live = under_way[0]
                async with aclosing(live.pieces()) as pieces:
                    async for piece in pieces:
                        yield TextPiece(piece)
                answer = await live.translation()
                under_way.popleft()
                answers.append(self._looked_over(part.text, answer, asked))
                copied = part.source.end
        finally:
            # All before the first is waited for: whoever gives up may do so twice.
            closing = [live.close() for live in under_way]
            await asyncio.gather(*closing)
        penalty = self._length_penalty(options)
        whole = assembled(text, parts, answers, options, penalty)
        yield TextPiece(text[copied:], whole)

    def _check(self, texts: Sequence[str], options: TranslateOptions) -> None:
        check_pages(texts, self._limits)
        options.check(self._manifest.defaults, self._manifest.limits, self._limits)

    async def _parts(
        self, texts: Sequence[str], options: TranslateOptions
    ) -> list[list[Part]]:
        def split() -> list[list[Part]]:
            return [self._split(text) for text in texts]

        found = await done(split, sum(map(len, texts)))
        num_parts = sum(map(len, found))
        if num_parts > self._limits.max_sentences:
            raise InvalidRequest(
                f"{num_parts} sentences in one call; it takes "
                f"{self._limits.max_sentences}: send the texts in several calls"
            )
        if options.target_prefix and any(len(parts) > 1 for parts in found):
            raise InvalidRequest(
                "target_prefix is what one sentence begins with, and a text has "
                f"{max(map(len, found))}: send the sentence alone"
            )
        return found

    async def _answers(
        self, texts: Sequence[str], options: TranslateOptions, caller: Caller
    ) -> list[Translation]:
        """Of sentences: translated, looked over, and where need be tried again."""
        asked = self._of_sentences(options)
        size = min(GROUP, self._limits.max_texts)
        answers = await translate_many(self._below, texts, asked, caller, size)
        answers = await self._all_looked_over(texts, answers, asked)
        doubtful: dict[TranslateOptions, list[int]] = {}
        for at, answer in enumerate(answers):
            if suspicious(answer, asked):
                doubtful.setdefault(self._safer(asked, answer), []).append(at)
        for options_again, places in doubtful.items():
            some = [texts[at] for at in places]
            seconds = await translate_many(
                self._below, some, options_again, caller, size, admitted=True
            )
            seconds = await self._all_looked_over(some, seconds, options_again)
            for at, second in zip(places, seconds, strict=True):
                answers[at] = better(answers[at], second)
        return answers

    def _safer(self, asked: TranslateOptions, answer: Translation) -> TranslateOptions:
        beam = asked.beam_size or self._manifest.defaults.beam_size
        least = asked.num_hypotheses or 1  # which draws may have with any beam
        beam = max(beam, least, min(SAFE_BEAM, self._limits.max_beam_size))
        return safer(asked, answer, beam, self._manifest.limits.max_target_tokens)

    def _length_penalty(self, options: TranslateOptions) -> float:
        if options.length_penalty is not None:
            return options.length_penalty
        return self._manifest.defaults.length_penalty

    def _of_sentences(self, options: TranslateOptions) -> TranslateOptions:
        protect = True if options.protect is None else options.protect
        return replace(
            options, format=Format.SENTENCE, protect=protect, return_scores=True
        )

    def _scored(self, options: TranslateOptions) -> TranslateOptions:
        """With scores, where beams have them anyway."""
        beam = options.beam_size or self._manifest.defaults.beam_size
        return options if beam == 1 else replace(options, return_scores=True)

    async def _all_looked_over(
        self,
        texts: Sequence[str],
        answers: Iterable[Translation],
        options: TranslateOptions,
        known: Sequence[Read] = (),
    ) -> list[Translation]:
        """`known` is what was found in the sources, if they were looked over."""

        def look() -> list[Translation]:
            return [
                self._looked_over(text, answer, options, read)
                for text, answer, read in zip(
                    texts, answers, known or repeat(None), strict=False
                )
            ]

        if len(texts) > FEW:
            return await asyncio.to_thread(look)
        return await done(look, sum(map(len, texts)))

    def _looked_over(
        self,
        text: str,
        answer: Translation,
        options: TranslateOptions,
        read: Read | None = None,
    ) -> Translation:
        """With warnings, and without scores nobody asked for."""
        found = self._guard.warnings(text, answer, options, read)
        hypotheses = answer.hypotheses
        if not options.return_scores and hypotheses[0].score is not None:
            hypotheses = tuple(replace(each, score=None) for each in hypotheses)
        elif not found:
            return answer
        warnings = (*answer.warnings, *found)
        return replace(answer, hypotheses=hypotheses, warnings=warnings)
