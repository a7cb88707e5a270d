"""Asks the layer below for many texts, each with options of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest

from ..caller import Caller
from ..documents.crowd import first_failure, translate_many
from ..layer import Layer
from ..options import TranslateOptions
from ..protection.protecting import MAX_PHRASES
from ..translation import Translation

AT_ONCE = 8
"""Calls to the layer below."""

GROUP = 32
"""Texts in each: with all these calls, fewer than a server lets wait."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    aligned: bool = False
    """Whether to ask which words come from which."""
    phrases: tuple[str, ...] = ()
    """What else is protected."""


class Questions:
    """Those of one call."""

    def __init__(
        self,
        below: Layer,
        options: TranslateOptions,
        caller: Caller,
        format_below: Format,
        max_texts: int,
    ) -> None:
        self._below = below
        self._options = options
        self._caller = caller
        self._format = format_below
        self._max_texts = max_texts
        self._places = asyncio.Semaphore(AT_ONCE)
        self._admitted = False

    async def ask(self, questions: Sequence[Question]) -> list[Translation]:
        """An answer each, in order. Raises what the layer below raises; Overloaded only
        as long as nothing has been answered."""
        calls = self._calls(questions)
        answers: dict[int, Translation] = {}

        async def call(options: TranslateOptions, indices: list[int]) -> None:
            texts = [questions[index].text for index in indices]
            async with self._places:
                found = await self._translate(texts, options)
            answers.update(zip(indices, found, strict=True))

        if calls and not self._admitted:
            # A document is refused as a whole, not in the middle, and never because of
            # its own other texts.
            await call(*calls.pop(0))
            self._admitted = any(question.text for question in questions)
        try:
            async with asyncio.TaskGroup() as tasks:
                for options, indices in calls:
                    tasks.create_task(call(options, indices))
        except* Exception as failures:
            # The first one ended the others; callers know no groups of errors.
            raise first_failure(failures) from None
        return [answers[index] for index in range(len(questions))]

    def _calls(
        self, questions: Sequence[Question]
    ) -> list[tuple[TranslateOptions, list[int]]]:
        """Indices of those that have the same options, some at a time."""
        alike: dict[TranslateOptions, list[int]] = {}
        for index, question in enumerate(questions):
            alike.setdefault(self._of(question), []).append(index)
        size = min(GROUP, self._max_texts)
        return [
            (options, indices[at : at + size])
            for options, indices in alike.items()
            for at in range(0, len(indices), size)
        ]

    def _of(self, question: Question) -> TranslateOptions:
        given = self._options
        return replace(
            given,
            format=self._format,
            protect=given.protect is not False,
            protected_phrases=_phrases(given.protected_phrases, question),
            return_alignment=given.return_alignment or question.aligned,
            num_hypotheses=None,
        )

    async def _translate(
        self, texts: list[str], options: TranslateOptions
    ) -> list[Translation]:
        try:
            return await self._handed_down(texts, options)
        except InvalidRequest:
            if self._options.return_alignment or not options.return_alignment:
                raise
            # Perhaps this model cannot say which words come from which; if that is not
            # what is wrong, it is said again.
            options = replace(options, return_alignment=False)
            return await self._handed_down(texts, options)

    async def _handed_down(
        self, texts: list[str], options: TranslateOptions
    ) -> list[Translation]:
        return await translate_many(
            self._below, texts, options, self._caller, GROUP, self._admitted
        )


def _phrases(given: tuple[str, ...], question: Question) -> tuple[str, ...]:
    """What to protect in a text: no more than the layer below takes, unless there are
    more already."""
    if len(given) + len(question.phrases) <= MAX_PHRASES or not question.phrases:
        return (*given, *question.phrases)
    text = " ".join(question.text.split())
    given = tuple(each for each in given if each in text)
    return (*given, *question.phrases)[:MAX_PHRASES]
