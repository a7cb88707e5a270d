"""What is refused for its size before anything is done for it, and how it is told."""

from collections.abc import Sequence

from onnxlate.errors import InvalidRequest

from .config import RequestLimits

MOST_BYTES = 4
"""Of a character in UTF-8."""

MAX_NAME_BYTES = 255
"""Of a file or folder, on the file systems that there are."""

MAX_ECHO = 64
"""Characters of a caller's own words that an error repeats."""


def check_number(texts: Sequence[str], limits: RequestLimits) -> None:
    if not 1 <= len(texts) <= limits.max_texts:
        raise InvalidRequest(
            f"{len(texts)} texts in one call; it takes from 1 to {limits.max_texts}"
        )


def check_size(text: str, name: str, limits: RequestLimits, advice: str) -> None:
    """`name` is what the caller calls the text, `advice` where it may be split."""
    if MOST_BYTES * len(text) <= limits.max_text_bytes:
        return
    num_bytes = len(text.encode("utf-8", "replace"))
    if num_bytes > limits.max_text_bytes:
        raise InvalidRequest(
            f"{name} has {num_bytes} bytes; this server takes "
            f"{limits.max_text_bytes}: split it {advice}"
        )


def check_pages(texts: Sequence[str], limits: RequestLimits) -> None:
    """Of texts that are more than a sentence each."""
    check_number(texts, limits)
    for index, text in enumerate(texts):
        check_size(text, f"texts[{index}]", limits, "between two paragraphs")
