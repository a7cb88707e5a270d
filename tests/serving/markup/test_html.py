"""HTML: what the model is shown of it, and what comes back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings

from onnxlate.answer import Format, ItemKind, WarningKind
from onnxlate_serving.config import RequestLimits
from onnxlate_serving.markup.markup import Markup
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.protection.protecting import MAX_PHRASES
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
)
from .judge import tags, without_values
from .pieces import HTML

HTML_OPTIONS = TranslateOptions(format=Format.HTML)


async def translated(
    text: str, below: Double, options: TranslateOptions = HTML_OPTIONS
) -> Translation:
    [answer] = await Markup(below, RequestLimits()).translate([text], options)
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
        ("<p>Hello <b>world</b>.</p>", ["Hello world."]),
        ("<p>One.<p>Two.", ["One.", "Two."]),
        ("<ul>\n  <li>A dog\n  <li>A\n    cat</ul>", ["A dog", "A cat"]),
        (
            "Caf&eacute; &amp; bar &lt;b&gt; &#8212; a&nbsp;b",
            ["Café & bar <b> — a\xa0b"],
        ),
        ("<b>Bold </b> <i> italic</i>", ["Bold italic"]),
        ("Line one<br>line two", ["Line one line two"]),
        ("Line one.<br>Line two", ["Line one.", "Line two"]),
        ("Line one<br><br/>Line two", ["Line one", "Line two"]),
        ("Do&shy;nau", ["Donau"]),
        ("a < b and b > c", ["a < b and b > c"]),
        ("<!-- not this --> but <!-- nor this -->that", ["but that"]),
        ("<script>if (a < b) alert('no')</script>Yes", ["Yes"]),
        ("<style>p { color: red }</style><pre>no\n  no</pre>Yes", ["Yes"]),
        ("<textarea>no</textarea><svg><text>no</text></svg>Yes", ["Yes"]),
        ("<title>A &amp; B</title>", ["A & B"]),
        ("<td>Cell<td>Other", ["Cell", "Other"]),
        ("<![CDATA[ no <b> no ]]>Yes<?php no ?>", ["Yes"]),
        ("42 <b>—</b> 17", []),
        ("<p translate=no>No<p>Yes", ["Yes"]),
        ("<div translate='no'>No <p translate='yes'>Yes</p> no</div>", ["Yes"]),
        ("<div class='a notranslate'>No</div>Yes", ["Yes"]),
        ("<button>Go</button> <select><option>One<option>Two", ["Go", "One", "Two"]),
        ("<b>broken <i>marks</b> here</i>", ["broken", "marks", "here"]),
        ("never closed <b>mark", ["never closed", "mark"]),
        ("text <a href='x", ["text"]),
        ('<img alt="A dog" src="dog.png" title=cat>', ["A dog"]),
        ("<input type=submit value='Send it'><input value='no'>", ["Send it"]),
        ("<meta name=description content='A page'><meta content='x y'>", ["A page"]),
        ("<img translate=no alt='no'><p lang='no' title='Yes'>", ["Yes"]),
        ("<img alt='A &quot;B&quot; &copy=1'>", ['A "B" &copy=1']),
    ],
)
async def test_it_is_asked_for_what_people_read(text: str, expected: list[str]) -> None:
    assert sorted(await asked(text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("I like <b>green</b> tea", backwards, "TEA <b>GREEN</b> LIKE I"),
        ("<i>I like</i> tea.", backwards, "TEA. <i>LIKE I</i>"),
        (
            "one <a>two <b>three</b></a> four",
            backwards,
            "FOUR <a><b>THREE</b> TWO</a> ONE",
        ),
        ("<b>one</b> <i>two</i> x", backwards, "X <i>TWO</i> <b>ONE</b>"),
        ("one <img> two three", range, "ONE <img> TWO THREE"),
        ("one two<br>three", range, "ONE TWO<br>THREE"),
        ("one<wbr>two three", backwards, "THREE ONE<wbr>TWO"),
        ("x <b title='&amp;'></b> y", range, "X <b title='&amp;'></b> Y"),
        ("caf&eacute; &amp; a", backwards, "A &amp; CAF&Eacute;"),
        ("<p>A <b>b c</b>.</p> <p>D</p>", range, "<p>A <b>B C</b>.</p> <p>D</p>"),
        ("don't <u>do\n\tthat</u> now", range, "DON'T <u>DO THAT</u> NOW"),
        ("<b>a</b><b>b</b> c", range, "<b>A</b><b>B</b> C"),
        ("the 10<sup>th</sup> day", backwards, "DAY 10<sup>TH</sup> THE"),
    ],
)
async def test_marks_go_where_their_words_go(
    text: str, order: Callable[[int], Sequence[int]], expected: str
) -> None:
    # "é" in capitals has no reference in the source.
    expected = expected.replace("&Eacute;", "É")
    assert await said(text, Mover(order)) == expected


async def test_a_pair_of_marks_may_go_over_sentences() -> None:
    text = "So <b>it is. And it</b> was. Yes <i>sir</i>."
    expected = "<b>IS. IT</b> SO WAS. IT AND <i>SIR</i>. YES"
    assert await said(text, Sentences(Mover(backwards))) == expected


async def test_attributes_are_translated_wherever_they_stand() -> None:
    text = "<p title='a b'>One <img alt=\"c 'd'\" src=e> two</p>"
    expected = "<p title='A B'>ONE <img alt=\"C &#39;D&#39;\" src=e> TWO</p>"
    assert await said(text, Mover(range)) == expected


async def test_what_is_protected_comes_out_as_it_went_in() -> None:
    text = 'See <span translate="no">Foo <b>Bar</b></span> and <code>x</code> now'
    below = Mover(backwards)
    answer = await translated(text, below)
    target = answer.hypotheses[0].text
    assert '<span translate="no">Foo <b>Bar</b></span>' in target
    assert "<code>x</code>" in target
    kinds = [item.kind for item in answer.protected_items]
    assert kinds == [ItemKind.TAG, ItemKind.CODE]
    for item in answer.protected_items:
        assert item.target
        assert item.source.of(text) == item.target.of(target)
    assert below.asked[1][1].protected_phrases == ("Foo Bar", "x")


@pytest.mark.parametrize(
    "below",
    [
        Talker(lambda text: text.replace("Foo", "")),
        Talker(lambda text: f"{text} {text}"),
        Talker(lambda text: text.replace("Foo", "Food")),
    ],
)
async def test_what_the_model_loses_or_repeats_is_not_left_to_it(below: Double) -> None:
    text = "I <i>saw <span translate=no>Foo</span> today</i>, yes"
    answer = await translated(text, below)
    target = answer.hypotheses[0].text
    assert target.count("<span translate=no>Foo</span>") == 1
    assert tags(target) == tags(text)
    [item] = answer.protected_items
    assert item.target
    assert item.target.of(target) == "<span translate=no>Foo</span>"


async def test_words_that_are_also_protected_ones_have_a_placeholder() -> None:
    below = Parrot()
    await said("Press <kbd>a</kbd> or a key, or <kbd>a b</kbd>", below)
    assert below.asked[1][0] == "Press {0} or a key, or a b"


async def test_without_an_alignment_marks_go_as_far_along() -> None:
    text = "one two <b>three four</b> five"
    below = Unaligned(lambda text: "eins zwei drei vier fünf")
    assert await said(text, below) == "eins zwei <b>drei vier</b> fünf"
    below = Unaligned(lambda text: "ach five eins zwei drei")
    assert await said("<b>five</b> x y z", below) == "ach <b>five</b> eins zwei drei"


async def test_an_answer_without_words_is_no_answer() -> None:
    text = "<p>Hello <b>world</b></p>"
    answer = await translated(text, Talker(lambda text: ""))
    assert answer.hypotheses[0].text == text
    [warning] = answer.warnings
    assert warning.kind is WarningKind.UNTRANSLATED
    assert warning.source.of(text) == "Hello <b>world</b>"


async def test_words_cannot_become_marks() -> None:
    below = Talker(lambda text: '</p> <b> &amp; "')
    expected = '<p>&lt;/p&gt; &lt;b&gt; &amp;amp; "</p>'
    assert await said("<p>Hello</p>", below) == expected


async def test_links_are_answered_to_those_who_ask() -> None:
    text = "<p>Hello <b>there</b></p>"
    asked = replace(HTML_OPTIONS, return_alignment=True)
    without = await translated(text, Mover(backwards))
    with_links = await translated(text, Mover(backwards), asked)
    assert not without.hypotheses[0].alignment
    assert len(with_links.hypotheses[0].alignment) == 2


async def test_code_does_not_count_as_the_callers_phrases() -> None:
    below = Mover(backwards)
    given = tuple(f"phrase {number}" for number in range(MAX_PHRASES))
    options = replace(HTML_OPTIONS, protected_phrases=given)
    text = "<p>Say <code>a b</code> and phrase 7 now</p>"
    answer = await translated(text, below, options)
    expected = "<p>NOW phrase 7 AND <code>a b</code> SAY</p>"
    assert answer.hypotheses[0].text == expected
    assert max(len(each.protected_phrases) for _, each in below.asked) == MAX_PHRASES


class Scorer(Talker):
    """Scores as decoders do, of -1 for each token."""

    def __init__(self, penalty: float) -> None:
        super().__init__(str.upper)
        self._penalty = penalty

    def answer(self, text: str, options: TranslateOptions) -> Translation:
        answer = super().answer(text, options)
        said = answer.hypotheses[0]
        num_tokens = said.num_target_tokens
        said = replace(said, score=-num_tokens / num_tokens**self._penalty)
        return replace(answer, hypotheses=(said,))


@pytest.mark.parametrize("given", [None, 0.5])
async def test_the_score_is_that_of_all_tokens(given: float | None) -> None:
    options = replace(HTML_OPTIONS, return_scores=True, length_penalty=given)
    penalty = 1.5 if given is None else given
    markup = Markup(Scorer(penalty), RequestLimits(), length_penalty=1.5)
    text = "<p>Hello</p><p>Hello there you</p>"
    [answer] = await markup.translate([text], options)
    num_tokens = 2 + 4
    assert answer.hypotheses[0].score == pytest.approx(
        -num_tokens / num_tokens**penalty
    )


async def test_texts_without_marks_are_not_its_business() -> None:
    parrot = Parrot()
    options = TranslateOptions(format=Format.TEXT)
    await Markup(parrot, RequestLimits()).translate(["<b>"], options)
    assert parrot.asked == [("<b>", options)]


@settings(max_examples=150)
@given(HTML)
async def test_what_does_not_change_is_identical(text: str) -> None:
    assert await said(text, Parrot()) == text


@settings(max_examples=40)
@given(HTML)
async def test_whatever_the_input_every_tag_comes_out(text: str) -> None:
    wanted = without_values(tags(text))
    for below in (
        Mover(backwards),
        Sentences(Mover(shuffled)),
        Unaligned(lambda text: f"<b>&amp; \"x' </p> {text} -->"),
        Talker(lambda text: "x"),
    ):
        assert without_values(tags(await said(text, below))) == wanted
