"""Asks the layer below for many texts, each with options of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest, Overloaded

from ..caller import Caller
from ..layer import Layer
from ..options import TranslateOptions
from ..translation import Translation

AT_ONCE = 8
"""Calls to the layer below; each of them may be of many texts."""

PAUSE_S = 0.05
"""How long to wait before asking again where too much is waiting; longer each time, up
to"""

LONGEST_PAUSE_S = 1.0


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
        alike: dict[TranslateOptions, list[int]] = {}
        for index, question in enumerate(questions):
            alike.setdefault(self._of(question), []).append(index)
        calls = [
            (options, indices[at : at + self._max_texts])
            for options, indices in alike.items()
            for at in range(0, len(indices), self._max_texts)
        ]
        answers: dict[int, Translation] = {}

        async def call(options: TranslateOptions, indices: list[int]) -> None:
            texts = [questions[index].text for index in indices]
            async with self._places:
                found = await self._translate(texts, options)
            answers.update(zip(indices, found, strict=True))

        try:
            async with asyncio.TaskGroup() as tasks:
                for options, indices in calls:
                    tasks.create_task(call(options, indices))
        except* Exception as failures:
            # The first one ended the others; callers know no groups of errors.
            raise _first(failures) from None
        return [answers[index] for index in range(len(questions))]

    def _of(self, question: Question) -> TranslateOptions:
        given = self._options
        return replace(
            given,
            format=self._format,
            protect=given.protect is not False,
            protected_phrases=(*given.protected_phrases, *question.phrases),
            return_alignment=given.return_alignment or question.aligned,
            num_hypotheses=None,
        )

    async def _translate(
        self, texts: list[str], options: TranslateOptions
    ) -> list[Translation]:
        try:
            return await self._patiently(texts, options)
        except InvalidRequest:
            if self._options.return_alignment or not options.return_alignment:
                raise
            # Perhaps this model cannot say which words come from which; if that is not
            # what is wrong, it is said again.
            options = replace(options, return_alignment=False)
            return await self._patiently(texts, options)

    async def _patiently(
        self, texts: list[str], options: TranslateOptions
    ) -> list[Translation]:
        for attempt in count():
            try:
                answers = await self._below.translate(texts, options, self._caller)
            except Overloaded:
                # A document is refused as a whole, not in the middle.
                if not self._admitted:
                    raise
                await asyncio.sleep(min(PAUSE_S * 2**attempt, LONGEST_PAUSE_S))
            else:
                self._admitted = self._admitted or any(texts)
                return answers
        raise AssertionError("counting ends nowhere")


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
