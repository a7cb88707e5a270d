"""Where characters are after parts of a text gave way to others."""

from hypothesis import given
from hypothesis import strategies as st

from onnxlate.answer import Span
from onnxlate_serving.protection.offsets import Rewriter

TEXTS = st.text("abc ", max_size=6)
PARTS = st.lists(st.tuples(TEXTS, TEXTS.filter(bool), TEXTS), max_size=5)


def rewritten(
    parts: list[tuple[str, str, str]], tail: str
) -> tuple[str, Rewriter, list[tuple[Span, Span]]]:
    """Each part is what stays, what goes, and what comes."""
    text = "".join(same + old for same, old, _ in parts) + tail
    rewriter = Rewriter(text)
    at, spans = 0, []
    for same, old, new in parts:
        span = Span(at + len(same), at + len(same) + len(old))
        spans.append((span, rewriter.swap(span, new)))
        at = span.end
    return text, rewriter, spans


@given(PARTS, TEXTS)
def test_the_new_text_has_the_new_parts(
    parts: list[tuple[str, str, str]], tail: str
) -> None:
    _, rewriter, spans = rewritten(parts, tail)

    text = rewriter.finish()

    assert text == "".join(same + new for same, _, new in parts) + tail
    assert [there.of(text) for _, there in spans] == [new for _, _, new in parts]


@given(PARTS, TEXTS)
def test_what_was_swapped_is_where_the_other_is(
    parts: list[tuple[str, str, str]], tail: str
) -> None:
    _, rewriter, spans = rewritten(parts, tail)
    rewriter.finish()

    for here, there in spans:
        assert rewriter.to_new().span(here) == there
        if there.start < there.end:
            assert rewriter.to_old().span(there) == here


@given(PARTS, TEXTS)
def test_characters_that_stay_are_themselves_on_both_sides(
    parts: list[tuple[str, str, str]], tail: str
) -> None:
    text, rewriter, spans = rewritten(parts, tail)
    new = rewriter.finish()
    gone = {at for here, _ in spans for at in range(here.start, here.end)}

    for at in set(range(len(text))) - gone:
        there = rewriter.to_new().span(Span(at, at + 1))
        assert there.of(new) == text[at]
        assert rewriter.to_old().span(there) == Span(at, at + 1)


def test_a_part_of_what_was_swapped_is_the_whole_of_what_came() -> None:
    rewriter = Rewriter("see ⟦0⟧ now")
    rewriter.swap(Span(4, 7), "https://x.y")
    text = rewriter.finish()

    assert text == "see https://x.y now"
    assert rewriter.to_new().span(Span(5, 6)).of(text) == "https://x.y"
    assert rewriter.to_new().span(Span(0, 6)).of(text) == "see https://x.y"
