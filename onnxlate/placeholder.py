"""Symbols that stand for what is not translated, in models that were trained with them.

They are tokens of their own, so a model can say one in its place as it says a name. How
many a model knows, its tokenizer tells: they stand behind the special ids.
"""

from .text import EOS_ID, Tokenizer


def placeholder(number: int) -> str:
    """The symbol that stands for the number-th thing not to be translated.

    Mathematical white square brackets: nobody writes them, and compatibility
    normalisation leaves them alone.
    """
    return f"\u27e6{number}\u27e7"


def count_placeholders(tokenizer: Tokenizer) -> int:
    """Symbols that a tokenizer has."""
    ids = range(EOS_ID + 1, len(tokenizer))
    pairs = enumerate(map(tokenizer.piece, ids))
    others = (number for number, piece in pairs if piece != placeholder(number))
    return next(others, len(ids))
