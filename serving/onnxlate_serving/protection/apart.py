"""Translates a text without some of its items, and puts them in afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onnxlate.answer import Span

from ..translation import Translation
from .aside import hypothesis_moved, moved
from .case import Ask, Attempt, kept
from .items import Item
from .offsets import OffsetMap
from .plain import AsItIs


@dataclass(frozen=True, slots=True)
class Setting:
    """A translation of the rest, with the items in it."""

    text: str
    to_new: OffsetMap
    """From the translation of the rest."""
    items: tuple[Span, ...]
    """Where those are that were put in."""


Setter = Callable[[str], Setting | None]
"""Puts the items into a translation; None where it finds no place for them."""


class Apart:
    """Another attempt, at what is left of a text without some items."""

    def __init__(
        self,
        attempt: Attempt,
        to_source: OffsetMap,
        items: Sequence[Item],
        setter: Setter,
        prefix: str = "",
    ) -> None:
        """`items` are those that the setter puts in; with the `prefix` the whole must
        begin."""
        self.name = "set apart" if attempt.name == AsItIs.name else attempt.name
        self._attempt = attempt
        self._to_source = to_source
        self._items = items
        self._set = setter
        self._prefix = prefix

    def asks(self) -> Sequence[Ask]:
        return self._attempt.asks()

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        inner = self._attempt.answer(found)
        if inner and (setting := self._setting(inner.hypotheses[0].text)):
            return self._with_items(inner, setting)
        return None

    def _setting(self, text: str) -> Setting | None:
        setting = self._set(text)
        return setting if setting and setting.text.startswith(self._prefix) else None

    def _with_items(self, inner: Translation, best: Setting) -> Translation:
        settings = [self._setting(each.text) for each in inner.hypotheses]
        around = moved(inner, self._to_source, best.to_new, best.text)
        items = [
            replace(
                each,
                source=self._to_source.span(each.source),
                target=each.target and best.to_new.span(each.target),
            )
            for each in inner.protected_items
        ]
        items += map(kept, self._items, best.items)
        return replace(
            around,
            hypotheses=tuple(
                hypothesis_moved(each, setting.text, self._to_source, setting.to_new)
                for each, setting in zip(inner.hypotheses, settings, strict=True)
                if setting
            ),
            protected_items=tuple(sorted(items, key=lambda each: each.source.start)),
        )
