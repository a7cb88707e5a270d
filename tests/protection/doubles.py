"""Models that are functions, as a layer of translators sees them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from random import Random

from onnxlate.answer import AlignmentLink, Span, Token
from onnxlate.finish import FinishReason
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import (
    TextPiece,
    TranslatedHypothesis,
    Translation,
)

Model = Callable[[str], Sequence[str]]
"""Hypotheses of a text, best first."""


class Saying:
    """Says what a function says, and keeps what it was asked."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.asked: list[tuple[str, TranslateOptions]] = []
        self.sizes: list[int] = []

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        self.sizes.append(len(texts))
        self.asked += ((text, options) for text in texts)
        return [self._translation(text, options) for text in texts]

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        [whole] = await self.translate([text], options)
        words = whole.hypotheses[0].text.split(" ")
        for word in words[:-1]:
            yield TextPiece(f"{word} ")
        yield TextPiece(words[-1], whole)

    def _translation(self, text: str, options: TranslateOptions) -> Translation:
        said = self._model(text) if text.strip() else [""]
        return Translation(
            tuple(
                hypothesis(each, text, options)
                for each in said[: options.num_hypotheses or 1]
            ),
            num_source_tokens=len(text.split()),
        )


def hypothesis(
    text: str, source: str, options: TranslateOptions
) -> TranslatedHypothesis:
    """A token for each character, and a link from the whole source to each."""
    places = [Span(at, at + 1) for at in range(len(text))]
    whole = Span(0, len(source))
    return TranslatedHypothesis(
        text,
        FinishReason.EOS,
        score=-1.0 if options.return_scores else None,
        num_target_tokens=len(text.split()) + 1,
        tokens=tuple(Token(at.of(text), -1.0, at) for at in places)
        if options.return_tokens
        else (),
        alignment=tuple(AlignmentLink(whole, at, 0.5) for at in places)
        if options.return_alignment
        else (),
    )


def echo(text: str) -> list[str]:
    return [text]


def shouting(text: str) -> list[str]:
    """A translation that differs from its source, and has its items."""
    return [text.upper()]


class Whimsical:
    """Leaves out, repeats, shuffles, invents: the same for the same text."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, text: str) -> list[str]:
        random = Random(f"{self._seed} {text}")
        return [self._once(text, random) for _ in range(8)]

    def _once(self, text: str, random: Random) -> str:
        words = [word for word in text.split() if random.random() > 0.1]
        words += random.choices([*text.split(), "⟦0⟧", "⟦7⟧", "3", ","], k=2)
        if random.random() < 0.5:
            random.shuffle(words)
        return random.choice(["", " "]).join(words)
