"""What single characters are to a layout."""

import re
import unicodedata

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""All that some reader, Python's splitlines at the fore, takes for a line's end."""

LINE_BREAK = re.compile(f"\r\n|[{LINE_BREAKS}]")

AS_SPACES = str.maketrans(LINE_BREAKS, " " * len(LINE_BREAKS))
"""Each line break a blank, so that places stay."""

_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")

_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
"""They and what they stand beside are one picture."""


_SPACELESS = re.compile(
    # Thai and Lao, Burmese, Khmer, kana, Chinese characters.
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def needs_no_spaces(character: str) -> bool:
    """Whether it is of a script that puts none between words."""
    return bool(_SPACELESS.match(character))


def has_letters(text: str) -> bool:
    """Whether there is a word in it, of whatever script."""
    return any(map(str.isalpha, text))


def is_decoration(character: str) -> bool:
    """Blanks, emoji, pictures and marks without a width: never a part of a sentence
    that they begin or end."""
    if character < "\x7f":
        return character <= " "
    if character in _JOINERS or character.isspace():
        return True
    category = unicodedata.category(character)
    # Sk has the skin tones; C is without a width, or not a character at all.
    return category[0] == "C" or category in ("So", "Sk")


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The same part of the text without the decoration at its ends."""
    while start < end:
        if keycap := _KEYCAP.match(text, start, end):
            start = keycap.end()
        elif is_decoration(text[start]):
            start += 1
        else:
            break
    while start < end and is_decoration(text[end - 1]):
        end -= 1
        if text[end] == "\u20e3":
            end = max(start, end - 1 - (text[end - 1] == "\ufe0f"))
    return start, end


def splits_character(text: str, at: int) -> bool:
    """Whether readers see one character where `at` would part the text."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before == "\u200d" or after in _JOINERS or (before, after) == ("\r", "\n"):
        return True
    if unicodedata.category(after)[0] == "M" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    # Two of these letters are a flag; where they begin matters little for a cut.
    return all("\U0001f1e6" <= each <= "\U0001f1ff" for each in (before, after))
