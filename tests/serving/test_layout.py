"""Layout: with a model that says what it reads, a text comes out as it went in.

A server of its own answers, over gRPC, with a model that was trained to copy: nothing
on the way is a double.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentencex
from hypothesis import given, settings

from benchmarks.layout.nasty import LONG, PICKED, PROSE, documents
from onnxlate import Client
from onnxlate.answer import Span
from onnxlate.local_server import LocalServer
from onnxlate.messages import Translation
from onnxlate_serving.documents.characters import has_letters
from onnxlate_serving.documents.parts import Part, splitter
from onnxlate_serving.documents.sentences import WINDOW, sentences

from .handmade import MAX_SOURCE

COPIER = Path(__file__).parents[1] / "bundles" / "copying"
"""A trained model that says what it reads; its README says how it was made."""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalServer(COPIER) as server, Client(server.address, timeout_s=60) as client:
        yield client


def is_accounted_for(text: str, translation: Translation) -> None:
    """The segments cover both texts, each character once, in order."""
    segments = translation.segments
    assert "".join(each.source.of(text) for each in segments) == text
    assert (
        "".join(each.target.of(translation.text) for each in segments)
        == translation.text
    )
    for each in segments:
        if not each.translated:
            assert each.source.of(text) == each.target.of(translation.text)


@pytest.mark.parametrize("text", PICKED)
def test_what_is_known_to_break_comes_back_byte_for_byte(
    client: Client, text: str
) -> None:
    [translation] = client.translate([text], format="text")

    assert translation.text.encode() == text.encode()
    is_accounted_for(text, translation)


@pytest.mark.timeout(900)  # 440 documents, on a machine that has other things to do
@settings(max_examples=440, derandomize=True)
@given(text=documents())
def test_whatever_comes_comes_back_byte_for_byte(client: Client, text: str) -> None:
    [translation] = client.translate([text], format="text")

    assert translation.text.encode() == text.encode()
    is_accounted_for(text, translation)


@settings(max_examples=60, derandomize=True)
@given(text=documents())
def test_a_stream_is_the_same_text_with_the_same_segments(
    client: Client, text: str
) -> None:
    [translation] = client.translate([text], format="text")
    with client.stream(text, format="text") as pieces:
        said = "".join(pieces)

    assert said.encode() == text.encode()
    assert pieces.result.segments == translation.segments


def parts_of(text: str, language: str = "en", most: int = 50) -> list[Part]:
    return splitter(language, lambda some: len(some.split()) + 1, most)(text)


def words_of(text: str, language: str = "en", most: int = 50) -> list[str]:
    return [each.text for each in parts_of(text, language, most)]


def found(block: str) -> list[str]:
    """English sentences, without the blanks behind them."""
    spans = sentences(block, Span(0, len(block)), "en")
    return [each.of(block).rstrip() for each in spans]


def test_sentences_are_told_from_abbreviations() -> None:
    text = "Dr. Smith paid $3.50, i.e. a lot. Did he? “Yes. He did,” she said. Ms. X."

    assert words_of(text) == [
        "Dr. Smith paid $3.50, i.e. a lot.",
        "Did he?",
        "“Yes.",
        "He did,” she said.",
        "Ms. X.",
    ]


def test_a_number_with_a_full_stop_is_an_ordinal_where_that_is_so() -> None:
    text = "Er kam am 25. Mai zum 7. Mal. Dann ging er."

    assert words_of(text, "de") == ["Er kam am 25. Mai zum 7. Mal.", "Dann ging er."]


def test_chinese_sentences_need_no_blanks() -> None:
    text = "今天天气很好。我们去公园吧！“好的。”他说。"

    assert words_of(text, "zh-Hans") == [
        "今天天气很好。",
        "我们去公园吧！",
        "“好的。”",
        "他说。",
    ]


def test_of_a_long_block_some_is_looked_at_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segment, shown = sentencex.segment, list[int]()

    def noted(language: str, text: str) -> list[str]:
        shown.append(len(text))
        return list(segment(language, text))

    monkeypatch.setattr(sentencex, "segment", noted)
    long = "word " * 1500 + "and here it ends."  # longer than what is looked at
    said = [f"This is number {at}, said by Mr. Smith." for at in range(200)]
    said.insert(150, long)

    assert found(" ".join(said)) == said
    assert found("`\u00e9`" * 16_000) == ["`\u00e9`" * 16_000]
    assert len(shown) > 20
    assert max(shown) <= WINDOW


def test_a_long_block_is_cut_within_no_brackets() -> None:
    within = "Read this. " * 9 + "And that."
    said = [f"Number {at} ({within}) is there." for at in range(60)]
    said.append("Nobody closes (this one.")

    assert found(" ".join(said)) == said


def test_what_has_no_letters_is_not_translated() -> None:
    assert parts_of("12.5\n---\n😀 !\n| 1 | 2 |\n\u200b\n3 * (4 + 5)\n") == []


def test_markers_emoji_and_indentation_are_not_part_of_a_sentence() -> None:
    text = "  - [x] Done. 🎉\n1) Next 👍🏽!\n# Title\n1️⃣ One\n\t* > Quoted\n"

    assert words_of(text) == ["Done.", "Next 👍🏽!", "Title", "One", "Quoted"]


def test_cells_of_tables_are_translated_by_themselves() -> None:
    text = "| A name | its age |\nMary Smith    12    New York\nred\tgreen\n"

    assert words_of(text) == [
        "A name",
        "its age",
        "Mary Smith",
        "New York",
        "red",
        "green",
    ]


def test_the_lines_of_a_wrapped_paragraph_are_read_as_one() -> None:
    wrapped = textwrap.fill(PROSE, 60)

    assert words_of(wrapped) == words_of(PROSE)
    assert [gap.text for each in parts_of(wrapped) for gap in each.gaps].count(
        "\n"
    ) <= wrapped.count("\n")


def test_lines_that_are_not_wrapped_are_translated_by_themselves() -> None:
    lines = [
        "A line that is as long as it likes to be",
        "and one without a capital",
        "Third one, quite long too, but not as full as it could be",
        "the fourth",
    ]

    assert words_of("\n".join(lines)) == lines


def test_a_long_sentence_is_parted_at_its_clauses_and_nothing_is_lost() -> None:
    found = words_of(LONG, most=20)

    assert len(found) > 1
    assert all(len(each.split()) + 1 <= 20 for each in found)
    assert all(each.endswith(",") for each in found[:-1])
    assert " ".join(found) == LONG


@pytest.mark.parametrize("text", ["文" * 700, "a" * 5000, "é" * 900, "👨‍👩‍👧x" * 90])
def test_where_there_is_no_blank_characters_part_it(text: str) -> None:
    found = splitter("en", num_bytes, 88)(text)

    assert all(num_bytes(each.text) <= 88 < MAX_SOURCE for each in found)
    ends = [0] + [each.source.end for each in found]
    between = [
        text[end : each.source.start] for end, each in zip(ends, found, strict=False)
    ]
    assert not any(map(has_letters, between))  # nothing is lost
    assert not any(re.match("[\u200d\ufe0f]", each.text) for each in found)


def num_bytes(text: str) -> int:
    return len(text.encode()) + 1
