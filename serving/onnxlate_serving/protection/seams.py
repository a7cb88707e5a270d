"""What an item may stand beside, so that it is still the same item to its readers."""

import re

from onnxlate.answer import ItemKind, Span

from .items import Item
from .patterns import WORDY

_RUNS_ON_BEFORE = re.compile(r"\d[.,:/’']?$")
_RUNS_ON_BEHIND = re.compile(r"[.,:/’']?\d")

# Blank, quotation mark or bracket; or what ends a sentence, at its end.
_ENDS_URL = re.compile(
    r"$|[\s<>\"“”„»›、。，）」』】]|[.,;:!?'’)\]}*_~…]+(?:$|[\s\"“”„»›])"
)


def is_another_number(item: Item, source: str, target: str, at: Span) -> bool:
    """Whether "3" has become part of "13" or "3.5"."""
    return (
        item.text[:1].isdigit()
        and _is_new(_RUNS_ON_BEFORE, _before(source, item.span), _before(target, at))
    ) or (
        item.text[-1:].isdigit()
        and _is_new_behind(source[item.span.end :][:2], target[at.end :][:2])
    )


def _before(text: str, span: Span) -> str:
    return text[max(0, span.start - 2) : span.start]


def _is_new(pattern: re.Pattern[str], source: str, target: str) -> bool:
    return bool(pattern.search(target) and not pattern.search(source))


def _is_new_behind(source: str, target: str) -> bool:
    return bool(_RUNS_ON_BEHIND.match(target) and not _RUNS_ON_BEHIND.match(source))


def wants_blank_before(item: Item, source: str, written: str) -> bool:
    """Whether a word would run into the item that did not in the source."""
    return _ends_wordy(written) and not _ends_wordy(source[: item.span.start])


def wants_blank_behind(item: Item, source: str, rest: str) -> bool:
    behind = source[item.span.end :]
    if WORDY.match(rest) and not WORDY.match(behind):
        return True
    in_url = item.kind in (ItemKind.URL, ItemKind.EMAIL) and not _ENDS_URL.match(rest)
    return in_url and bool(_ENDS_URL.match(behind))


def _ends_wordy(text: str) -> bool:
    return bool(text and WORDY.match(text, len(text) - 1))


def stands_alone(text: str, at: Span) -> bool:
    """Whether it is no part of a longer word or number; endings such as "rd" are none
    of a number's digits."""
    item = at.of(text)
    before, behind = _before(text, at), text[at.end :][:2]
    if item[:1].isdigit() and _RUNS_ON_BEFORE.search(before):
        return False
    if item[-1:].isdigit() and _RUNS_ON_BEHIND.match(behind):
        return False
    begins_word = bool(WORDY.match(item) and _ends_wordy(before))
    ends_word = item[-1:].isalpha() and _ends_wordy(item) and bool(WORDY.match(behind))
    return not (begins_word or ends_word)
