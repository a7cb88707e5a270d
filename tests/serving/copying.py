"""A layer that says what it reads, and remembers who asked how."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from onnxlate.answer import ItemKind, ProtectedItem, Span
from onnxlate.errors import Overloaded
from onnxlate.finish import FinishReason
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import (
    TextPiece,
    TranslatedHypothesis,
    Translation,
)


def said(text: str, source: str | None = None) -> Translation:
    """A translation of one token for each word, and the end."""
    num_tokens = len(text.split()) + 1
    hypothesis = TranslatedHypothesis(text, FinishReason.EOS, -0.1, num_tokens)
    words = (text if source is None else source).split()
    return Translation((hypothesis,), len(words) + 1)


class Copying:
    """Answers with `answer` of the text and the options, by default the text itself."""

    def __init__(
        self,
        answer: Callable[[str, TranslateOptions], str] | None = None,
        refusals: Sequence[bool] = (),
        items: Sequence[str] = (),
        refused_behind: str = "",
    ) -> None:
        """`refusals` tells of the first calls which ones are refused as too many;
        `items` are reported as kept; a stream of
        `refused_behind` says it, and is refused at its end."""
        self._answer = answer or (lambda text, _: text)
        self._refusals = list(refusals)
        self._items = items
        self._refused_behind = refused_behind
        self.calls: list[tuple[list[str], TranslateOptions]] = []
        self.under_way = self.most_under_way = 0
        self.closed = 0

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        self.calls.append((list(texts), options))
        self._admit()
        self._begin(len(texts))
        try:
            await asyncio.sleep(0.001)
        finally:
            self.under_way -= len(texts)
        return [self._said(text, options) for text in texts]

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        self.calls.append(([text], options))
        self._admit()
        self._begin(1)
        try:
            answer = self._answer(text, options)
            for at in range(0, len(answer), 3):
                await asyncio.sleep(0)
                yield TextPiece(answer[at : at + 3])
            if text == self._refused_behind:
                raise Overloaded("too many are looked at")
            yield TextPiece("", self._said(text, options))
        finally:
            self.under_way -= 1
            self.closed += 1

    def _said(self, text: str, options: TranslateOptions) -> Translation:
        translation = said(self._answer(text, options), text)
        target = translation.hypotheses[0].text
        return replace(
            translation,
            protected_items=tuple(
                ProtectedItem(
                    ItemKind.PHRASE, _place(item, text), Span(at, at + len(item))
                )
                for item in self._items
                if (at := target.find(item)) >= 0
            ),
        )

    def _admit(self) -> None:
        if self._refusals and self._refusals.pop(0):
            raise Overloaded("too many are waiting")

    def _begin(self, num_texts: int) -> None:
        self.under_way += num_texts
        self.most_under_way = max(self.most_under_way, self.under_way)


def _place(item: str, text: str) -> Span:
    """Where it stands in a source, or its first character if it does not."""
    at = text.find(item)
    return Span(at, at + len(item)) if at >= 0 else Span(0, 1)
