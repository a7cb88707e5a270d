"""One text and what is to be kept of it, on its way through the model and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from onnxlate.answer import ProtectedItem, Span, TermUse
from onnxlate.finish import FinishReason

from ..options import TranslateOptions
from ..translation import Translation
from .items import Item


@dataclass(frozen=True, slots=True)
class Case:
    text: str
    items: tuple[Item, ...]
    options: TranslateOptions
    """Of a sentence, with nothing to protect any more."""
    unused: tuple[TermUse, ...] = ()
    """Terms that items have characters of."""

    @property
    def only_items(self) -> bool:
        """Whether no word is left to translate."""
        end, words = 0, []
        for item in self.items:
            words.append(self.text[end : item.span.start])
            end = item.span.end
        return not any(map(str.isalpha, "".join([*words, self.text[end:]])))


@dataclass(frozen=True, slots=True)
class Ask:
    """What the model is to translate, and how."""

    text: str
    options: TranslateOptions


class Attempt(Protocol):
    """A way to have everything kept."""

    name: str
    """What statistics call it."""

    def asks(self) -> Sequence[Ask]:
        """What it needs translated."""
        ...

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        """Made of the answers to what it asked; None where it has failed."""
        ...


def hopeless(options: TranslateOptions, found: Translation) -> str:
    """Why no other translation of that text could have what this one has not; "" if
    another could."""
    if found.num_dropped_source_tokens:
        return (
            f"the source was cut: {found.num_dropped_source_tokens} tokens of it "
            "were not read"
        )
    if options.max_target_tokens and (
        found.hypotheses[0].finish_reason is FinishReason.LENGTH
    ):
        return f"the translation ended at {options.max_target_tokens} tokens"
    return ""


def kept(item: Item, target: Span) -> ProtectedItem:
    return ProtectedItem(item.kind, item.span, target)


def lost(item: Item, reason: str) -> ProtectedItem:
    return ProtectedItem(item.kind, item.span, None, reason)
