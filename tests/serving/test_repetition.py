"""Loops that compiled code finds are those that are found without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlate_serving.guard.compiled import repeated
from onnxlate_serving.guard.repetition import loop, searched
from onnxlate_serving.native.library import library

pytestmark = pytest.mark.skipif(
    library() is None, reason="nothing was compiled for this processor"
)

PARTS = st.sampled_from(
    [
        *("a", "b", "A", "ab", "the ", "The cat ", "cat, ", "Straße ", "É", "é", "1"),
        *(" ", "  ", "\n", "\u00a0", "_", "-", "–", ".", "’", "⟨1⟩", "\0", "İ", "Σ"),
        *("あ", "ไ", "😀", "\ud800", "abcdefghijklm", "hahaha"),
    ]
)
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@st.composite
def looping(draw: st.DrawFn) -> str:
    """With something in it that is said again and again."""
    said, between = draw(st.lists(PARTS, max_size=8)), draw(st.sampled_from(["", " "]))
    times = draw(st.integers(1, 12))
    words = "".join(said) + between
    return draw(TEXTS) + words * times + draw(TEXTS) + words * draw(st.integers(0, 3))


@given(TEXTS | looping(), TEXTS | looping(), st.booleans())
def test_loops_are_those_found_without_compiled_code(
    source: str, target: str, quotes: bool
) -> None:
    if quotes:  # what the source says too is no loop
        source += target[: len(target) // 2]

    assert loop(source, target) == searched(source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("One two three.", "Eins zwei drei."),
        ("Now.", "jetzt jetzt jetzt jetzt"),
        ("Now.", "ab cd ab cd ab cd ab cd ab cd"),
        ("So it is.", "so ist es nun so ist es aber so ist es nun so ist es nun doch"),
        ("Name: ........", "Name: ................"),
        ("Name:", "Name: . . . . . . . . . ."),
        ("Danube", "Donaudonaudonaudonaudonaudonau"),
        ("on the Donaudonaudonaudonaudonaudonau", "Donaudonaudonaudonaudonaudonau"),
        ("x", " ".join(str(number) for number in range(200))),
        ("x", "eah" * 100),
    ],
)
def test_common_texts_need_no_more_than_compiled_code(source: str, target: str) -> None:
    assert repeated(source, target) is not None
    assert loop(source, target) == searched(source, target)


@pytest.mark.parametrize(
    "target",
    ["no " * 2000, "a b c d e f " * 50, "ha" * 300, "いい" * 8, "ΟΔΟΣ " * 4],
    ids=["long", "many words", "a long word", "rare letters", "a sigma"],
)
def test_the_rest_is_left_to_what_knows_more(target: str) -> None:
    assert repeated("x", target) is None
    assert loop("x", target) == searched("x", target) is not None
