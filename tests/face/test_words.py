"""What is a word, in any script and cut in any way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlate.answer import Span
from onnxlate.words import words_of


def spans(*pieces: str) -> list[Span]:
    """Of pieces that stand one behind the other."""
    ends = [sum(map(len, pieces[:at])) for at in range(len(pieces) + 1)]
    return [Span(*pair) for pair in pairwise(ends)]


def words(*pieces: str) -> list[str]:
    text = "".join(pieces)
    return [each.span.of(text) for each in words_of(text, spans(*pieces))]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (("The", " dog", " runs", "."), ["The", "dog", "runs", "."]),
        (("Gr", "ü", "ß", "e"), ["Grüße"]),
        ((" don", "'", "t", "!", "!"), ["don't", "!", "!"]),
        (("'", "so", "'"), ["'", "so", "'"]),
        (("3", ".", "14", ", ", "1", "0,", "000", "."), ["3.14", ",", "10,000", "."]),
        (("a", ",", "b"), ["a", ",", "b"]),
        (("e\u0301", "t", "e\u0301"), ["e\u0301te\u0301"]),
        (("👨\u200d👩\u200d👧", "👍🏽", "🇩🇪"), ["👨\u200d👩\u200d👧", "👍🏽", "🇩🇪"]),
        (("我们", "去", "。"), ["我们", "去", "。"]),
        (("ｆｕｌｌ", " ①"), ["ｆｕｌｌ", "①"]),
        (("(see", " it", ")."), ["(see", "it", ")."]),
        (("\u200bone", "\u200btwo"), ["one", "two"]),
    ],
)
def test_pieces_make_words(pieces: tuple[str, ...], expected: list[str]) -> None:
    assert words(*pieces) == expected


def test_white_space_goes_with_what_stands_behind_it() -> None:
    text = "a 🙂 "

    found = words_of(text, spans("a", " ", "🙂", " "))

    assert [each.tokens for each in found] == [(0,), (1, 2)]


def test_the_bytes_of_a_character_are_one_word() -> None:
    one = Span(1, 2)

    (found,) = words_of(" 🙂", [Span(0, 1), one, one, one, one])

    assert (found.span, found.tokens) == (one, (0, 1, 2, 3, 4))


@given(st.lists(st.text(min_size=1, max_size=5), max_size=12))
def test_words_are_in_order_and_no_token_is_in_two(pieces: list[str]) -> None:
    text = "".join(pieces)

    found = words_of(text, spans(*pieces))

    ends = [0, *(each.span.end for each in found)]
    assert all(s.span.start >= e for s, e in zip(found, ends, strict=False))
    assert all(each.span.start < each.span.end for each in found)
    tokens = [token for each in found for token in each.tokens]
    assert tokens == sorted(set(tokens))
    said = {i for each in found for i in range(each.span.start, each.span.end)}
    assert all(i in said for i, each in enumerate(text) if each.isalnum())
