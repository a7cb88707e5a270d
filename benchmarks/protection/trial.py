"""Sentences with items through a model: what was kept, and how the rest reads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from onnxlate.bundle import Bundle
from onnxlate_serving.config import RequestLimits, ServerConfig
from onnxlate_serving.deployment import Deployment
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import Translation

from .inserting import AROUND_IT, IN_IT, Inserted
from .rest import without_items, without_words

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Tried:
    """One sentence's outcome."""

    sentence: Inserted
    translation: str
    faults: tuple[str, ...]
    """What is wrong with its items; () is nothing."""
    rest: str
    """The translation without the items,"""
    plain_rest: str
    """that of the plain sentence without the words that items stand for,"""
    reference_rest: str
    """and the reference without those."""

    @property
    def place(self) -> str:
        """Of the item that is the hardest, which are those in the sentence."""
        places = {item.place for item in self.sentence.items}
        return next(each for each in (*IN_IT, *AROUND_IT) if each in places)


@dataclass(frozen=True, slots=True)
class Trial:
    tried: tuple[Tried, ...]
    ways: Counter[str]
    """How many sentences were translated in which way."""


async def trial(bundle: Bundle, sentences: Sequence[Inserted]) -> Trial:
    deployment = Deployment.open(bundle.path, ServerConfig(max_cached=0))
    await deployment.start(START_S)
    try:
        plain = await _translations(
            deployment, [each.plain for each in sentences], TranslateOptions()
        )
        protected = await _translations(
            deployment,
            [each.source for each in sentences],
            TranslateOptions(protect=True),
        )
    finally:
        await deployment.stop()
    tried = map(_tried, sentences, plain, protected)
    return Trial(tuple(tried), deployment.layers.protecting.ways)


async def _translations(
    deployment: Deployment, texts: Sequence[str], options: TranslateOptions
) -> list[Translation]:
    size = RequestLimits().max_texts
    found: list[Translation] = []
    for at in range(0, len(texts), size):
        batch = texts[at : at + size]
        found += await deployment.translator.translate(batch, options)
    return found


def _tried(sentence: Inserted, plain: Translation, protected: Translation) -> Tried:
    text = protected.hypotheses[0].text
    spans = []
    faults = list(_faults(sentence, protected))
    for item in sentence.items:
        for each in protected.protected_items:
            if each.target and item.text in each.source.of(sentence.source):
                spans.append((item, each.target))
                break
    return Tried(
        sentence,
        text,
        tuple(faults),
        without_items(text, spans),
        without_words(plain.hypotheses[0].text, sentence.items),
        without_words(sentence.reference, sentence.items),
    )


def _faults(sentence: Inserted, protected: Translation) -> list[str]:
    """By the report, and by counting, which knows nothing of it."""
    text = protected.hypotheses[0].text
    faults = [
        f"{each.source.of(sentence.source)} was not kept: {each.reason}"
        for each in protected.protected_items
        if not each.target or each.target.of(text) != each.source.of(sentence.source)
    ]
    for item in sentence.items:
        before, behind = sentence.source.count(item.text), text.count(item.text)
        if before != behind:
            faults.append(f"{item.text} is there {behind} times, not {before}")
    return faults
