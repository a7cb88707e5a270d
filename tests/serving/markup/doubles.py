"""Layers of plain texts that need no model."""

import random
import re
from collections.abc import AsyncGenerator, Callable, Sequence

from onnxlate.answer import AlignmentLink, Segment, Span
from onnxlate.errors import InvalidRequest
from onnxlate.finish import FinishReason
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import (
    TextPiece,
    TranslatedHypothesis,
    Translation,
)

WORD = re.compile(r"\S+")


class Double:
    """Answers each text by itself, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, TranslateOptions]] = []

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        self.asked += [(text, options) for text in texts]
        return [self.answer(text, options) for text in texts]

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        [whole] = await self.translate([text], options, caller)
        yield TextPiece(whole.hypotheses[0].text, whole)

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        raise NotImplementedError


class Parrot(Double):
    """Says what it hears."""

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        return translation(text)


class Talker(Double):
    """Says something else of its own."""

    def __init__(self, say: Callable[[str], str]) -> None:
        super().__init__()
        self._say = say

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        return translation(self._say(text) if text.strip() else text)


class Unaligned(Talker):
    """As a model that cannot say which words come from which."""

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        if options.return_alignment:
            raise InvalidRequest("this model has no attention")
        return await super().translate(texts, options, caller)


class Mover(Double):
    """Moves words, and says where they came from.

    Each sentence's words are shouted, in an order that `order` makes of their indices.
    """

    def __init__(self, order: Callable[[int], Sequence[int]]) -> None:
        super().__init__()
        self._order = order

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        phrases = sorted(map(re.escape, options.protected_phrases), key=len)
        pattern = re.compile("|".join([*reversed(phrases), WORD.pattern]))
        words = [match.span() for match in pattern.finditer(text)]
        said = ""
        links = []
        for index in self._order(len(words)):
            start, end = words[index]
            said += " " if said else ""
            target = Span(len(said), len(said) + end - start)
            word = text[start:end]
            said += word if word in options.protected_phrases else word.upper()
            if len(said) == target.end:  # not where one letter becomes two
                links.append(AlignmentLink(Span(start, end), target, 0.9))
        return translation(said, tuple(links) if options.return_alignment else ())


class Sentences(Double):
    """Another double, sentence by sentence, as the layer of texts has it."""

    def __init__(self, each: Double) -> None:
        super().__init__()
        self._each = each

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        said = ""
        at = 0
        links: list[AlignmentLink] = []
        segments: list[Segment] = []
        for match in re.finditer(r"(?:[^.!?\s][^.!?]*)?[.!?]*", text):
            if not match[0] or match.start() < at:
                continue
            if at < match.start():
                target = Span(len(said), len(said) + match.start() - at)
                segments.append(Segment(Span(at, match.start()), target, False))
                said += text[at : match.start()]
            one = self._each.answer(match[0], options).hypotheses[0]
            links += [
                AlignmentLink(
                    link.source.moved(match.start()),
                    link.target.moved(len(said)),
                    link.probability,
                )
                for link in one.alignment
            ]
            target = Span(len(said), len(said) + len(one.text))
            segments.append(Segment(Span(*match.span()), target, True))
            said += one.text
            at = match.end()
        if at < len(text):
            target = Span(len(said), len(said) + len(text) - at)
            segments.append(Segment(Span(at, len(text)), target, False))
            said += text[at:]
        return translation(said, tuple(links), tuple(segments))


def translation(
    text: str,
    links: tuple[AlignmentLink, ...] = (),
    segments: tuple[Segment, ...] = (),
) -> Translation:
    num_tokens = len(text.split()) + 1
    hypothesis = TranslatedHypothesis(
        text, FinishReason.EOS, None, num_tokens, alignment=links
    )
    return Translation((hypothesis,), num_tokens, segments=segments)


def backwards(length: int) -> Sequence[int]:
    return range(length)[::-1]


def shuffled(length: int) -> Sequence[int]:
    order = list(range(length))
    random.Random(length).shuffle(order)
    return order
