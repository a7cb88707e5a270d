"""What is found, where it ends, and how long that takes."""

import time

import pytest

from onnxlate.answer import ItemKind
from onnxlate_serving.protection.items import Finder

ENGLISH = Finder("en")


def found(text: str, *phrases: str) -> list[str]:
    return [item.text for item in ENGLISH.items(text, phrases)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("See https://x.y/z).", ["https://x.y/z"]),
        (
            "(http://en.wikipedia.org/wiki/A_(b))",
            ["http://en.wikipedia.org/wiki/A_(b)"],
        ),
        ("It is (https://x.y/a_(b))'s.", ["https://x.y/a_(b)"]),
        ("At https://x.y/?a=b&c=%20#d, or…", ["https://x.y/?a=b&c=%20#d"]),
        (
            "www.x.com, example.com/path? x.org.",
            ["www.x.com", "example.com/path", "x.org"],
        ),
        ("「https://x.y/z」をご覧ください。", ["https://x.y/z"]),
        ("Write to first.last+x@mail.example.com.", ["first.last+x@mail.example.com"]),
        ("The end.It was", []),
    ],
)
def test_addresses_end_where_their_sentence_goes_on(
    text: str, items: list[str]
) -> None:
    assert found(text) == items


@pytest.mark.parametrize(
    ("text", "phrase", "num_found"),
    [
        ("anna, ann and xann Ann ann", "ann", 2),
        ("a a a a a", "a a", 2),
        ("aa a aa a a", "a a", 1),
        ("x" + "a" * 65_000, "a" * 400, 0),
        ("ann", "ann", 1),
        ("\u65e5\u672c\u8a9e\u65e5\u672c", "\u65e5\u672c", 2),
        ("+a++a+", "+a+", 2),
    ],
)
def test_phrases_stand_as_words_of_their_own(
    text: str, phrase: str, num_found: int
) -> None:
    assert found(text, phrase) == [phrase] * num_found


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("3 cats, 20% of 5 km, 20 % of $5.99", ["3", "20%", "5 km", "20 %", "$5.99"]),
        ("US$ 20, €5bn, 20 EUR, 10 dollars", ["US$ 20", "€5bn", "20 EUR", "10"]),
        ("10:30 a.m. or 3 pm, 9am", ["10:30 a.m.", "3 pm", "9am"]),
        (
            "2024-12-31, 31.12.2024, 12/31/2024.",
            ["2024-12-31", "31.12.2024", "12/31/2024"],
        ),
        ("2024-12-31T10:00:00Z", ["2024-12-31T10:00:00Z"]),
        ("v1.2.3-rc1 and 2.0-beta.", ["v1.2.3-rc1", "2.0-beta"]),
        ("-5 °C, 5-7 kg, 100 km/h", ["-5 °C", "5-7 kg", "100 km/h"]),
        ("+1 (555) 123-4567, 10 000, 3½", ["+1 (555) 123-4567", "10 000", "3½"]),
        ("in 2013.", ["2013"]),
    ],
)
def test_numbers_have_their_units_and_no_full_stop(text: str, items: list[str]) -> None:
    assert found(text) == items


def test_of_ordinals_and_decades_the_digits_are_kept_alone() -> None:
    assert found("the 1st, 22nd, in the 1930s") == ["1", "22", "1930"]


def test_a_number_in_a_word_stands_with_the_word() -> None:
    text = "MP3, B2B, COVID-19, A380, 4K, H2O"
    assert found(text) == text.split(", ")


def test_numbers_need_no_blanks_where_writing_has_none() -> None:
    assert found("我有3只猫，3月5日花了20元。") == ["3", "3", "5", "20"]


def test_am_is_no_time_of_day_in_german() -> None:
    assert found("at 3 am") == ["3 am"]
    assert [item.text for item in Finder("de").items("um 3 am Montag")] == ["3"]


@pytest.mark.parametrize(
    "item",
    [
        "{name}",
        "{0}",
        "{}",
        "{{ x }}",
        "{% if x %}",
        "%s",
        "%(n)d",
        "%1$s",
        "%.2f",
        "$VAR",
        "${x}",
        "%name%",
        "{n, plural, one {# item} other {{k} items}}",
        "{g, select, male {{n, plural, one {He has {x}} other {#}}} other {They}}",
        "⟦0⟧",
    ],
)
def test_placeholders_are_found_whole(item: str) -> None:
    [found] = ENGLISH.items(f"You have {item} here.")
    assert (found.kind, found.text) == (ItemKind.PLACEHOLDER, item)


def test_a_percentage_is_no_placeholder() -> None:
    assert found("100% sure of 50 % discount") == ["100%", "50 %"]


def test_what_is_in_code_is_code() -> None:
    [item] = ENGLISH.items("Run `curl https://x.y/{id}` now.")
    assert (item.kind, item.text) == (ItemKind.CODE, "`curl https://x.y/{id}`")
    assert found("``a ` b`` and `c`, but no ` alone") == ["``a ` b``", "`c`"]


def test_phrases_are_words_of_their_own() -> None:
    text = "New York, New Yorkers and Old New York"
    assert found(text, "New York") == ["New York", "New York"]
    assert found("xfoo foo foo", "foo foo") == ["foo foo"]


def test_what_overlaps_is_kept_as_one() -> None:
    assert found("Windows 11 Pro at 5 km", "11 Pro at 5") == ["11 Pro at 5 km"]
    assert found("New York City", "New York", "New York City") == ["New York City"]


def test_of_neighbours_each_is_an_item() -> None:
    assert found("{a}{b} %s%d") == ["{a}", "{b}", "%s", "%d"]


MOST_BYTES = 64 * 1024
NASTY = (
    *("a", "1", "1-", "a-", "a.", "{", "{{a}", "{a", "`", "` `` ", "```a", "{%", "%"),
    *("$", "<a ", "<a b=c ", '<a b="', "http://", "a://", "a@", "a@a.", "1 ", "+1 "),
    *("(555", "A-1", "$5", "¼", "⟦1", "www.", "{}", "{" + "{}" * 50, "a1-", "a1:a"),
    *("5 k", "é-", "1 p.", "https://x.y/(", "5rc", " ", "(", "([", "x ("),
)


@pytest.mark.parametrize("nasty", NASTY)
def test_a_long_text_takes_long_in_proportion_only(nasty: str) -> None:
    text = (nasty * MOST_BYTES)[:MOST_BYTES]
    began = time.process_time()

    ENGLISH.items(text, ["a" * 100, "1 1"])

    # A tenth of what it would be if it took as long for each of the characters.
    assert time.process_time() - began < 3
