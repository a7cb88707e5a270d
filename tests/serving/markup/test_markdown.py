"""Markdown: what the model is shown of it, and what comes back."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt

from onnxlate.answer import Format, ItemKind, ProtectedItem, Span
from onnxlate_serving.config import RequestLimits
from onnxlate_serving.markup.markup import Markup
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import Translation

from .doubles import (
    Double,
    Mover,
    Parrot,
    Sentences,
    Talker,
    Unaligned,
    backwards,
    shuffled,
    translation,
)
from .judge import Tag, tags, without_values
from .pieces import MARKDOWN

OPTIONS = TranslateOptions(format=Format.MARKDOWN)
STOCK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
"""Nobody watches it."""


async def translated(text: str, below: Double) -> Translation:
    [answer] = await Markup(below, RequestLimits()).translate([text], OPTIONS)
    said = answer.hypotheses[0].text
    assert "".join(each.source.of(text) for each in answer.segments) == text
    assert "".join(each.target.of(said) for each in answer.segments) == said
    return answer


async def said(text: str, below: Double) -> str:
    return (await translated(text, below)).hypotheses[0].text


async def asked(text: str) -> list[str]:
    """What the layer below reads of it."""
    parrot = Parrot()
    assert await said(text, parrot) == text
    return [text for text, _ in parrot.asked if text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A *title* #\n\nWords\nand more.\n", ["A title", "Words  and more."]),
        ("Title\n=====\n\n* * *\n", ["Title"]),
        ("> A quote\n> goes on.\n>\n> > Inner\n", ["A quote  goes on.", "Inner"]),
        ("- one\n  two\n- [x] done\n\n1) three\n", ["one  two", "done", "three"]),
        ("```\nno\n```\n\n    no\n\nYes\n", ["Yes"]),
        ("| A | B \\| C |\n|---|:-:|\n| d | *e* |\n", ["A", "B | C", "d", "e"]),
        ("> | A |\n> |---|\n> | b |\n", ["A", "b"]),
        ("Use `x = 1` now", ["Use x = 1 now"]),
        ("[Words](http://x.org 'no') and ![Alt](no.png)", ["Alt", "Words and"]),
        ("[Words][ref] and [ref].\n\n[ref]: no 'no'\n", ["Words and ref."]),
        ("See <http://no.org> now", ["See http://no.org now"]),
        ("---\ntitle: no\n---\nYes\n", ["Yes"]),
        ("Line one  \nline two\\\nthree", ["Line one line two three"]),
        ("2 \\* 3 &amp; &eacute;t", ["2 * 3 & ét"]),
        ("Note[^1].\n\n[^1]: Of it.\n", ["Note.", "Of it."]),
        ("> [!NOTE]\n> Careful\n", ["Careful"]),
        ("<div>\nYes <b>it</b> is\n</div>\n\n*And*\n", ["Yes it is", "And"]),
        ("<div translate=no>\n\nno\n\n</div>\n\nYes\n", ["Yes"]),
        ("A <span translate='no'>Foo</span> b", ["A Foo b"]),
        (
            "~~gone~~ ***both*** __strong__ snake_case_x",
            ["gone both strong snake_case_x"],
        ),
        ("One\r\ntwo\r\n\r\n- three\r\n", ["One  two", "three"]),
        ("1. one\n\n   more\n\t- tab\n", ["one", "more", "tab"]),
    ],
)
async def test_it_is_asked_for_what_people_read(text: str, expected: list[str]) -> None:
    assert sorted(await asked(text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I like **green** tea", "TEA **GREEN** LIKE I"),
        ("> one *two\n> three*\n", "> *THREE TWO* ONE\n"),
        ("a [b c](http://x.org 'T') d", "D [C B](http://x.org 'T') A"),
        ("a [b][r] c\n\n[r]: x", "C [B][r] A\n\n[r]: x"),
        ("a [b] c\n\n[b]: x", "C [B][b] A\n\n[b]: x"),
        ("[B][]\n\n[b]: x", "[B][]\n\n[b]: x"),
        ("[a c]\n\n[A c]: x", "[C A][a c]\n\n[A c]: x"),
        ("2 \\* 3 [x", "[X 3 \\* 2"),
        ("| a \\| b |\n|---|\n| c d |\n", "| B \\| A |\n|---|\n| D C |\n"),
        ("is 1986. year", "YEAR 1986. IS"),
        ("so it is 1986.", "1986\\. IS IT SO"),
        ("see the # mark", "MARK # THE SEE"),
        ("the mark is #", "\\# IS MARK THE"),
        ("a   b\n  c", "C B A"),
        ("**not*", "**NOT*"),
        ("x ![a b](c) y", "![B A](c) Y X"),
    ],
)
async def test_marks_go_where_their_words_go(text: str, expected: str) -> None:
    assert await said(text, Mover(backwards)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo *three\nfour* five\n", "ONE\nTWO *THREE\nFOUR* FIVE\n"),
        (
            "> - one [two\n>   three](x)\n>   four\n",
            "> - ONE [TWO\n>   THREE](x)\n>   FOUR\n",
        ),
        ("in\r\nmore\r\n", "IN\r\nMORE\r\n"),
        ("in the year  \n  more\ntwo", "IN THE YEAR  \n  MORE\nTWO"),
        ("it is\none 1) two", "IT IS\n1\\) ONE TWO"),
        ("it is\nmore # two", "IT IS\n\\# MORE TWO"),
        ("it is\nmore --- two", "IT IS\n--- MORE TWO"),
        ("one\ntwo\n=======\n", "ONE\nTWO\n=======\n"),
    ],
)
async def test_lines_end_where_they_did(text: str, expected: str) -> None:
    def shout(text: str) -> str:
        return (
            text.upper()
            .replace("ONE 1)", "1) ONE")
            .replace("MORE #", "# MORE")
            .replace("MORE ---", "--- MORE")
        )

    assert await said(text, Talker(shout)) == expected


class Breaker(Double):
    """Says where the code has come out, and has the line's end inside of it."""

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        if not text:
            return translation(text)
        target = Span(3, 9)
        item = ProtectedItem(ItemKind.CODE, Span(4, 9), target)
        return replace(translation("OR x  = 1 USE"), protected_items=(item,))


async def test_a_line_does_not_end_inside_of_code() -> None:
    assert await said("Use `x = 1` or\nmore", Breaker()) == "OR `x = 1` USE"


async def test_marks_that_would_be_none_there_stay_where_they_are() -> None:
    """Between letters and before a quote, asterisks are words."""
    below = Talker(lambda text: "ab„x“c" if text == "ab „x“ c" else text.upper())
    assert await said("ab **„x“** c", below) == "AB **„X“** C"


async def test_code_and_addresses_are_reported() -> None:
    text = "Use `a b` or <me@x.org> or <http://x.org>"
    answer = await translated(text, Mover(backwards))
    assert answer.hypotheses[0].text == "<http://x.org> OR <me@x.org> OR `a b` USE"
    kinds = [item.kind for item in answer.protected_items]
    assert kinds == [ItemKind.CODE, ItemKind.EMAIL, ItemKind.URL]


@settings(max_examples=150)
@given(MARKDOWN)
async def test_what_does_not_change_is_identical(text: str) -> None:
    assert await said(text, Parrot()) == text


@settings(max_examples=40)
@given(MARKDOWN)
@example("Hello\n---\n")  # with a pipe, a table
@example("| a |\n|---|\n| x\n  [<!-- c -->the dog")  # a comment ends the table
async def test_whatever_the_input_every_mark_comes_out(text: str) -> None:
    wanted = rendered(text)
    for below in (
        Mover(backwards),
        Sentences(Mover(shuffled)),
        Unaligned(lambda text: f"- # 1. <b>&amp; *x_ [a](b) ` | {text} ** ~~"),
        Talker(lambda text: "x"),
    ):
        assert rendered(await said(text, below)) == wanted


def rendered(text: str) -> Counter[Tag]:
    return without_values(tags(STOCK.render(text)))
