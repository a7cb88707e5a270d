"""Documents block by block, and very large or very odd ones."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from time import perf_counter

import pytest

from onnxlate.answer import Format, WarningKind
from onnxlate.errors import InvalidRequest, Overloaded
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.config import RequestLimits
from onnxlate_serving.markup.html import read_html
from onnxlate_serving.markup.markdown import read_markdown
from onnxlate_serving.markup.markup import Markup
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.translation import Translation

from .doubles import Mover, Parrot, backwards
from .fragments import fragments

HTML = TranslateOptions(format=Format.HTML)
MARKDOWN = TranslateOptions(format=Format.MARKDOWN)


async def test_pieces_are_together_the_whole() -> None:
    text = "\n".join(fragments(100))
    markup = Markup(Mover(backwards), RequestLimits())
    [whole] = await markup.translate([text], HTML)
    pieces = [piece async for piece in markup.stream(text, HTML)]
    assert pieces[-1].translation == whole
    assert "".join(piece.text for piece in pieces) == whole.hypotheses[0].text
    assert len(pieces) > 100


async def test_the_first_piece_does_not_wait_for_the_last_block() -> None:
    below = Parrot()
    text = "<p>Hello</p>" * 100
    async with aclosing(Markup(below, RequestLimits()).stream(text, HTML)) as pieces:
        await anext(pieces)
    assert sum(text == "Hello" for text, _ in below.asked) < 3


async def test_a_text_does_not_depend_on_its_neighbours() -> None:
    texts = fragments(70)[::2]
    markup = Markup(Mover(backwards), RequestLimits())
    together = await markup.translate(texts, HTML)
    for text, one in zip(texts, together, strict=True):
        assert await markup.translate([text], HTML) == [one]


async def test_more_blocks_than_texts_in_a_call_are_several_calls() -> None:
    below = Parrot()
    text = "<p>Hello <b>you</b></p><p>Bye</p>" * 50
    [answer] = await Markup(below, RequestLimits(max_texts=8)).translate([text], HTML)
    assert answer.hypotheses[0].text == text


async def test_many_small_passages_leave_others_their_turns() -> None:
    """Each is short; all of them are not."""
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    other = asyncio.create_task(another())
    text = "<p>Hello <b>you</b> there</p>" * 2000
    await Markup(Mover(backwards), RequestLimits()).translate([text], HTML)
    other.cancel()
    # Hundreds; were the passages put together in the event loop, some ten.
    assert turns > 50


async def test_blocks_are_counted() -> None:
    limits = RequestLimits(max_sentences=10)
    text = '<p>Hello</p><img alt="A dog">' * 3
    with pytest.raises(InvalidRequest, match="12 blocks of words in one call; it"):
        await Markup(Parrot(), limits).translate([text, text], HTML)
    with pytest.raises(InvalidRequest, match="12 blocks of words in one call; it"):
        await anext(Markup(Parrot(), limits).stream(text * 2, HTML))


class Crowded(Parrot):
    """Has no room for a while."""

    def __init__(self, refused: set[int]) -> None:
        super().__init__()
        self._refused = refused
        self.num_calls = 0

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        if any(texts):
            self.num_calls += 1
            if self.num_calls in self._refused:
                raise Overloaded("2 requests are already waiting")
        return await super().translate(texts, options, caller)


async def test_a_document_is_refused_at_its_beginning_or_not_at_all() -> None:
    text = "<p>Hello</p>" * 20
    limits = RequestLimits(max_texts=8)
    with pytest.raises(Overloaded):
        await Markup(Crowded({1}), limits).translate([text], HTML)
    below = Crowded({4, 5})
    pieces = [piece async for piece in Markup(below, limits).stream(text, HTML)]
    assert "".join(piece.text for piece in pieces) == text
    assert below.num_calls > 5


class Narrow(Parrot):
    """Has room for so many texts at a time."""

    def __init__(self, max_waiting: int) -> None:
        super().__init__()
        self._room = max_waiting

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        if len(texts) > self._room:
            raise Overloaded("too many are already waiting")
        self._room -= len(texts)
        await asyncio.sleep(0.001)
        self._room += len(texts)
        return await super().translate(texts, options, caller)


async def test_a_large_page_does_not_crowd_itself_out() -> None:
    text = "<p>Hello</p>" * 500 + "<p>Press <kbd>a b</kbd> now</p>" * 200
    [answer] = await Markup(Narrow(64), RequestLimits()).translate([text], HTML)
    assert answer.hypotheses[0].text == text


@pytest.mark.parametrize(
    ("texts", "options", "complaint"),
    [
        ([], HTML, "0 texts in one call"),
        (["x" * 70_000], HTML, "has 70000 bytes"),
        (
            ["x"],
            TranslateOptions(format=Format.HTML, target_prefix="A"),
            "one sentence",
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    texts: list[str], options: TranslateOptions, complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        await Markup(Parrot(), RequestLimits()).translate(texts, options)


SIZE = 16 * 1024
LONG_S = 60
"""What takes time as the square of its length takes many minutes."""


@pytest.mark.parametrize(
    "piece",
    [
        *["<b>", "<", '<a href="', "</i>", "<svg>", "<!--", "<b>x</i>", "<p>", "&"],
        *["<![CDATA[", "a<br>", "<title>", "<a>x", "<td>", "<b><i>", "<b>x </b>"],
        "<i translate=no>x",
    ],
)
def test_html_is_read_in_time(piece: str) -> None:
    text = (piece * SIZE)[:SIZE]
    begin = perf_counter()
    parts = [part for passage in read_html(text) for part in passage.parts]
    assert perf_counter() - begin < LONG_S
    assert "".join(part.raw for part in parts) == text


@pytest.mark.parametrize(
    "piece",
    [
        *["*", "[", "<", "`", "_a ", "*a ", "[a](", "![", "> ", "* a\n", "&", "|"],
        *["**a", "a\n", "[[a]]", "~~", "| a ", "> - ", "[a](<", "`` ` "],
    ],
)
def test_markdown_is_read_in_time(piece: str) -> None:
    text = (piece * SIZE)[: SIZE // 2]
    begin = perf_counter()
    parts = [part for passage in read_markdown(text) for part in passage.parts]
    assert perf_counter() - begin < LONG_S
    assert "".join(part.raw for part in parts) == text


@pytest.mark.parametrize("piece", ["* a\n", "a\n", "**a", "_a ", "a\n\n", "<b>"])
async def test_more_marks_than_people_write_are_copied(piece: str) -> None:
    """The parser would be at them for half a minute."""
    text = (piece * SIZE * 4)[: SIZE * 4 - 100]
    begin = perf_counter()
    [answer] = await Markup(Mover(backwards), RequestLimits()).translate(
        [text], MARKDOWN
    )
    assert perf_counter() - begin < LONG_S / 3
    assert answer.hypotheses[0].text == text
    assert [each.kind for each in answer.warnings] == [WarningKind.UNTRANSLATED]
    assert "lines and marks" in answer.warnings[0].details


async def test_a_paragraph_of_brackets_is_copied_and_the_others_are_not() -> None:
    text = "a b\n\n" + "[" * 2000 + "\n\nc d\n"
    [answer] = await Markup(Mover(backwards), RequestLimits()).translate(
        [text], MARKDOWN
    )
    assert answer.hypotheses[0].text == "B A\n\n" + "[" * 2000 + "\n\nD C\n"
    [warning] = answer.warnings
    assert warning.source.of(text) == "[" * 2000


async def test_many_marks_in_one_sentence_are_placed_in_time() -> None:
    text = "<b>x <i>y</i></b> z " * 49 + "word " * 2000
    text += "<u>" * 10_000
    begin = perf_counter()
    markup = Markup(Mover(backwards), RequestLimits())
    [answer] = await asyncio.wait_for(markup.translate([text], HTML), LONG_S)
    assert perf_counter() - begin < LONG_S
    said = answer.hypotheses[0].text
    assert said.count("<b>") == said.count("<i>") == 49
