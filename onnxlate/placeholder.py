"""Symbols that stand for what is not translated, in models that were trained with them.

They are tokens of their own, so a model can say one in its place as it says a name. How
many a model knows, its tokenizer tells: they stand behind the special ids.
"""

import re
from itertools import takewhile

from .text import EOS_ID, Tokenizer

PLACEHOLDER = re.compile(r"\u27e6[0-9]{1,3}\u27e7")
"""Of any number."""


def placeholder(number: int) -> str:
    """The symbol that stands for the number-th thing not to be translated.

    Mathematical white square brackets: nobody writes them, and compatibility
    normalisation leaves them alone.
    """
    return f"\u27e6{number}\u27e7"


def placeholders(tokenizer: Tokenizer) -> dict[str, int]:
    """Symbols that a tokenizer has, with their ids; the lowest number first."""
    ids = range(EOS_ID + 1, len(tokenizer))
    known = takewhile(
        lambda each: tokenizer.piece(each[1]) == placeholder(each[0]), enumerate(ids)
    )
    return {placeholder(number): token for number, token in known}


def count_placeholders(tokenizer: Tokenizer) -> int:
    return len(placeholders(tokenizer))
