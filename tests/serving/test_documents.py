"""The layer of texts, over a layer that copies or says what a test wants."""

import asyncio
import textwrap
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from onnxlate.answer import AnswerWarning, Format, Sampling, WarningKind
from onnxlate.bundle import Bundle
from onnxlate.errors import InvalidRequest, Overloaded
from onnxlate.finish import FinishReason
from onnxlate.text import Tokenizer
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.config import RequestLimits
from onnxlate_serving.documents.crowd import GROUP, GROUPS
from onnxlate_serving.documents.documents import AHEAD, Documents
from onnxlate_serving.guard.guard import Read
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.server import default_bundle
from onnxlate_serving.translation import TextPiece, Translation

from ..protection.doubles import Saying
from .copying import Copying

TEXT = TranslateOptions(format=Format.TEXT)
MEANS = replace(TEXT, length_penalty=1)
"""With which a score is the mean of its log-probabilities, whatever the bundle says."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Whose words a test can use: the guard knows what the model has seen."""
    return Bundle.open(default_bundle())


def documents(
    bundle: Bundle, below: Copying | Saying, limits: RequestLimits | None = None
) -> Documents:
    tokenizer = Tokenizer(bundle.source_tokenizer)
    return Documents(below, bundle.manifest, tokenizer, limits or RequestLimits())


def numbered(count: int) -> str:
    return "\n".join(f"line number {at} of many" for at in range(count))


async def test_sentences_are_asked_for_as_sentences_each_once(bundle: Bundle) -> None:
    below = Copying()

    await documents(bundle, below).translate(["One. Two.\nOne.", "Two."], TEXT)

    [(texts, options)] = below.calls
    assert texts == ["One.", "Two."]
    assert options.format is Format.SENTENCE
    assert options.protect is True


async def test_line_breaks_of_the_model_are_not_lines_of_the_text(
    bundle: Bundle,
) -> None:
    below = Copying(lambda text, _: f"\n {text}\u2028two\r\n")

    [answer] = await documents(bundle, below).translate(["One.\nTwo."], TEXT)

    assert answer.hypotheses[0].text == "One. two\nTwo. two"


async def test_line_breaks_stay_where_the_translation_has_fewer_words(
    bundle: Bundle,
) -> None:
    text = textwrap.fill("this is a line that is as full as can be, " * 4, 50)
    below = Copying(lambda text, _: "zwei Wörter")

    [answer] = await documents(bundle, below).translate([text], TEXT)

    assert answer.hypotheses[0].text.count("\n") == text.count("\n") == 3
    assert [each.translated for each in answer.segments] == [True]


@pytest.mark.parametrize(
    ("source", "said", "target"),
    [
        (
            "Visit  https://example.com  today!",
            "https://example.com besuchen!",
            "https://example.com  besuchen!  ",
        ),
        ("Call  now  please", "Ruf an", "Ruf  an  "),
        ("Go  up to  5 km", "Bis 5 km", "Bis  5 km  "),
        ("Leave  at 5 p.m", "Um 5 p.m.", "Um  5 p.m."),
        ("Come  here  now", "现在请过来", "现在  请  过来"),
    ],
)
async def test_no_gap_breaks_a_word_or_what_is_kept(
    bundle: Bundle, source: str, said: str, target: str
) -> None:
    items = [each for each in ("https://example.com", "5 km", "5 p.m.") if each in said]
    below = Copying(lambda *_: said, items=items)
    layer = documents(bundle, below)

    [answer] = await layer.translate([source], TEXT)
    pieces = [each async for each in layer.stream(source, TEXT)]

    assert answer.hypotheses[0].text == target
    assert "".join(each.text for each in pieces) == target
    places = [each.target for each in answer.protected_items if each.target]
    assert [at.of(target) for at in places] == items


async def test_gaps_within_what_is_kept_stay_within_it(bundle: Bundle) -> None:
    source, code = "Say  it  with `a  b` and `c  d`  now", ("`a b`", "`c d`")
    below = Copying(lambda *_: "Sag `c d` nach `a b` auf", items=code)
    layer = documents(bundle, below)

    [answer] = await layer.translate([source], TEXT)
    pieces = [each async for each in layer.stream(source, TEXT)]

    target = answer.hypotheses[0].text
    assert "".join(each.text for each in pieces) == target
    kept = [(each.source, each.target) for each in answer.protected_items]
    assert [here.of(source) for here, _ in kept] == ["`a  b`", "`c  d`"]
    assert [there and there.of(target) for _, there in kept] == ["`a  b`", "`c  d`"]
    assert target.count("  ") == source.count("  ")


async def test_blank_texts_cost_nothing_and_stay_blank(bundle: Bundle) -> None:
    below = Copying(lambda text, _: "made up")
    blanks = ["", " \n\t", "\u200b", "---", "12", "😀"]

    answers = await documents(bundle, below).translate(blanks, TEXT)

    assert below.calls == []
    assert [each.hypotheses[0].text for each in answers] == blanks
    assert not any(each.warnings for each in answers)


async def test_what_is_said_of_a_sentence_is_said_of_its_place_in_the_text(
    bundle: Bundle,
) -> None:
    below = Copying(lambda text, _: "nein " * 9 if "no" in text else text)
    text = "Two.\n\n  One and  no more."

    [answer] = await documents(bundle, below).translate([text], TEXT)

    [loop] = answer.warnings
    assert loop.kind is WarningKind.REPETITION
    assert loop.source.of(text) == "One and  no more."
    assert loop.target.of(answer.hypotheses[0].text).split() == ["nein"] * 9


async def test_nothing_is_said_of_a_place_in_front_of_the_text(bundle: Bundle) -> None:
    below = Copying(lambda text, _: "  " + "nein " * 9)

    [answer] = await documents(bundle, below).translate(["One fine day."], TEXT)

    assert answer.hypotheses[0].text.startswith("nein")
    assert {each.target.start for each in answer.warnings} == {0}


async def test_a_suspicious_sentence_is_tried_again_with_safer_options(
    bundle: Bundle,
) -> None:
    def loops_unless_told(text: str, options: TranslateOptions) -> str:
        return "So sei es." if options.no_repeat_ngram_size else "ja " * 12

    below = Copying(loops_unless_told)

    [answer] = await documents(bundle, below).translate(["One fine day."], TEXT)

    assert answer.hypotheses[0].text == "So sei es."
    assert {each.kind for each in answer.warnings} == {
        WarningKind.REPETITION,
        WarningKind.TOO_LONG,
    }
    assert all(each.decoded_again for each in answer.warnings)
    assert len(below.calls) == 2


@pytest.mark.parametrize(("asked", "safe"), [(None, 1.2), (1.0, 1.2), (1.1, 1.1)])
async def test_a_second_try_at_a_loop_has_a_repetition_penalty(
    bundle: Bundle, asked: float | None, safe: float
) -> None:
    below = Copying(lambda text, _: "ja " * 12)
    options = replace(TEXT, repetition_penalty=asked)

    await documents(bundle, below).translate(["One fine day."], options)

    tried = [options.repetition_penalty for _, options in below.calls]
    assert tried == [asked, safe]


async def test_what_was_left_out_is_given_room(bundle: Bundle) -> None:
    def short_unless_told(text: str, options: TranslateOptions) -> str:
        return "ja und " * 2 + "nein" if options.min_target_tokens == 6 else "ja"

    below = Copying(short_unless_told)
    text = "one two three four five six seven eight nine"

    [answer] = await documents(bundle, below).translate([text], TEXT)

    assert answer.hypotheses[0].text == "ja und ja und nein"
    assert [(each.kind, each.decoded_again) for each in answer.warnings] == [
        (WarningKind.TOO_SHORT, True)
    ]


async def test_what_was_to_be_cut_is_not_tried_again(bundle: Bundle) -> None:
    class Cutting(Copying):
        async def translate(self, *arguments: Any) -> list[Translation]:
            answers = await super().translate(*arguments)
            return [cut(each) for each in answers]

    def cut(answer: Translation) -> Translation:
        best = replace(answer.hypotheses[0], finish_reason=FinishReason.LENGTH)
        return replace(answer, hypotheses=(best,))

    asked, unasked = Cutting(lambda *_: "Ja und"), Cutting(lambda *_: "Ja und")
    limited = replace(TEXT, max_target_tokens=3)

    [answer] = await documents(bundle, asked).translate(["One day."], limited)
    await documents(bundle, unasked).translate(["One day."], TEXT)

    assert kinds(answer.warnings) == [WarningKind.UNFINISHED]
    assert answer.hypotheses[0].finish_reason is FinishReason.LENGTH
    assert (len(asked.calls), len(unasked.calls)) == (1, 2)


async def test_a_second_try_that_is_no_better_is_not_taken(bundle: Bundle) -> None:
    below = Copying(lambda text, _: "ja " * 12)

    [answer] = await documents(bundle, below).translate(["One fine day."], MEANS)

    assert all(each.decoded_again for each in answer.warnings)
    assert all("no better" in each.details for each in answer.warnings)


async def test_a_single_sentence_is_looked_over_and_left_as_it_is(
    bundle: Bundle,
) -> None:
    below = Copying(lambda text, _: "ja " * 12)

    [answer] = await documents(bundle, below).translate(
        ["One."], TranslateOptions(length_penalty=1)
    )

    assert answer.hypotheses[0].text == "ja " * 12
    assert answer.segments == ()
    assert [each.kind for each in answer.warnings] == [
        WarningKind.REPETITION,
        WarningKind.TOO_LONG,
    ]
    assert len(below.calls) == 1


async def test_a_long_text_has_only_so_many_sentences_waiting(bundle: Bundle) -> None:
    below = Copying()
    text = numbered(1000)

    [answer] = await documents(bundle, below).translate([text], TEXT)

    assert answer.hypotheses[0].text == text
    assert below.most_under_way <= GROUP * GROUPS
    assert all(len(texts) <= GROUP for texts, _ in below.calls)


async def test_once_let_in_a_text_waits_for_room_instead_of_being_refused(
    bundle: Bundle,
) -> None:
    below = Copying(refusals=[False, True, True, False, True])
    text = numbered(300)

    [answer] = await documents(bundle, below).translate([text], TEXT)

    assert answer.hypotheses[0].text == text


async def test_a_text_that_is_not_let_in_is_refused_at_once(bundle: Bundle) -> None:
    below = Copying(refusals=[True])

    with pytest.raises(Overloaded):
        await documents(bundle, below).translate([numbered(300)], TEXT)

    assert below.under_way == 0


@pytest.mark.parametrize(
    ("texts", "options", "limits", "words"),
    [
        ([], TEXT, RequestLimits(), "0 texts in one call"),
        (["a"] * 4, TEXT, RequestLimits(max_texts=3), "4 texts in one call"),
        (["a" * 9], TEXT, RequestLimits(max_text_bytes=8), "9 bytes"),
        (["a\nb", "c"], TEXT, RequestLimits(max_sentences=2), "3 sentences"),
        (
            ["a\nb"],
            TranslateOptions(format=Format.TEXT, target_prefix="Ja"),
            RequestLimits(),
            "target_prefix",
        ),
        (
            ["---"],
            TranslateOptions(format=Format.TEXT, beam_size=99),
            RequestLimits(),
            "beam_size is 99",
        ),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    bundle: Bundle,
    texts: list[str],
    options: TranslateOptions,
    limits: RequestLimits,
    words: str,
) -> None:
    below = Copying()

    with pytest.raises(InvalidRequest, match=words):
        await documents(bundle, below, limits).translate(texts, options)

    assert below.calls == []


async def test_any_text_of_the_longest_that_is_allowed_is_let_through(
    bundle: Bundle,
) -> None:
    below = Copying()
    text = "a\n" * (RequestLimits().max_text_bytes // 2)

    [answer] = await documents(bundle, below).translate([text], TEXT)

    assert answer.hypotheses[0].text == text
    assert sum(len(texts) for texts, _ in below.calls) == 1


async def test_a_stream_comes_sentence_by_sentence_with_what_is_between(
    bundle: Bundle,
) -> None:
    below = Copying()
    text = "- One fine day.  Two.\n\n"

    pieces = [each async for each in documents(bundle, below).stream(text, TEXT)]

    said = [each.text for each in pieces]
    assert said[0] == "- "
    assert "  " in said
    assert len([each for each in said if each.strip()]) > 4  # not sentences, but words
    assert "".join(said) == text
    assert pieces[-1].translation is not None
    assert pieces[-1].translation.hypotheses[0].text == text


async def test_who_gives_up_twice_leaves_no_sentence_under_way(
    bundle: Bundle,
) -> None:
    class Stubborn(Copying):
        begun = ended = 0

        async def stream(
            self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
        ) -> AsyncGenerator[TextPiece, None]:
            self.begun += 1
            try:
                await asyncio.Event().wait()
                yield TextPiece(text)
            finally:
                await asyncio.sleep(0.05)
                self.ended += 1

    below = Stubborn()
    pieces = documents(bundle, below).stream(numbered(100), TEXT)
    reading = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.05)
    assert below.begun == AHEAD

    reading.cancel()
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.sleep(0.2)

    assert below.ended == AHEAD


async def test_while_nobody_reads_a_stream_does_not_go_on(bundle: Bundle) -> None:
    below = Copying()
    stream = documents(bundle, below).stream(numbered(100), TEXT)

    async with aclosing(stream):
        await anext(stream)
        await asyncio.sleep(0.1)  # nobody reads
        asked = len(below.calls)

    assert asked == AHEAD
    assert below.under_way == 0  # and closing it frees them all


async def test_a_stream_tells_of_a_loop_but_cannot_take_it_back(
    bundle: Bundle,
) -> None:
    below = Copying(lambda text, _: "ja " * 12)

    pieces = [each async for each in documents(bundle, below).stream("One.", MEANS)]

    whole = pieces[-1].translation
    assert whole is not None
    assert "".join(each.text for each in pieces) == ("ja " * 12).strip()
    assert kinds(whole.warnings) == [WarningKind.REPETITION, WarningKind.TOO_LONG]
    assert not any(each.decoded_again for each in whole.warnings)


async def test_what_was_said_is_not_said_twice_where_room_runs_out(
    bundle: Bundle,
) -> None:
    below = Copying(refused_behind="Two.")
    stream = documents(bundle, below).stream("One.\nTwo.", TEXT)

    async with asyncio.timeout(5):
        with pytest.raises(Overloaded):
            _ = [each async for each in stream]

    assert [texts for texts, _ in below.calls] == [["One."], ["Two."]]


async def test_more_draws_than_the_safe_beam_are_tried_again(bundle: Bundle) -> None:
    below = Copying(
        lambda text, options: "so" if options.sampling is None else "ja " * 12
    )
    options = replace(TEXT, sampling=Sampling(), num_hypotheses=8)

    await documents(bundle, below).translate(["One two."], options)

    [_, (_, again)] = below.calls
    limits = RequestLimits()
    again.check(bundle.manifest.defaults, bundle.manifest.limits, limits)
    assert again.sampling is None


async def test_the_score_of_a_text_is_that_of_its_log_probabilities(
    bundle: Bundle,
) -> None:
    options = replace(TEXT, return_scores=True)
    power = bundle.manifest.defaults.length_penalty
    assert power != 1  # or it would be a mean

    [answer] = await documents(bundle, Copying()).translate(["One.\nOne two."], options)

    expected = -0.1 * (2**power + 3**power) / 5**power
    assert answer.hypotheses[0].score == pytest.approx(expected)


async def test_long_sentences_are_looked_over_beside_the_event_loop(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = documents(bundle, Copying())
    threads = []
    look = layer._guard.warnings

    def watched(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return look(*args)

    monkeypatch.setattr(layer._guard, "warnings", watched)
    await layer.translate(["one"], TranslateOptions())
    await layer.translate(["one " * 2000], TranslateOptions())

    assert [each is threading.main_thread() for each in threads] == [True, False]


class AfterReading(Copying):
    """Waits until the layer above has looked at as many sources."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number
        self.all = asyncio.Event()

    async def translate(self, *args: Any) -> list[Translation]:
        await self.all.wait()
        return await super().translate(*args)


async def test_sources_are_looked_over_while_the_model_is_at_work(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = AfterReading(3)
    layer = documents(bundle, below)
    read = layer._guard.read

    def watched(source: str) -> Read:
        below.left -= 1
        if not below.left:
            below.all.set()
        return read(source)

    monkeypatch.setattr(layer._guard, "read", watched)
    texts = ["good day", "☃ is one", "das ist der Hund, und er ist nicht mit mir"]
    answers = await layer.translate(texts, TranslateOptions())

    assert below.left == 0  # and nobody has looked again
    assert [kinds(each.warnings)[:1] for each in answers] == [
        [],
        [WarningKind.UNKNOWN_CHARACTERS],
        [WarningKind.LANGUAGE],
    ]


def kinds(warnings: tuple[AnswerWarning, ...]) -> list[WarningKind]:
    return [each.kind for each in warnings]


@pytest.mark.parametrize(
    ("source", "said", "target"),
    [
        ("# A title", "Ein Titel.", "# Ein Titel"),
        ("| a | b |", "Ah!", "| Ah | Ah |"),
        ("A sentence.", "Ein Satz.", "Ein Satz."),
        ("Note:", "Notiz.", "Notiz:"),
        ("and so on …", "und so weiter …", "und so weiter …"),
        ("A title", "Warum?", "Warum?"),
        ("A title", "Also...", "Also..."),
    ],
)
async def test_a_full_stop_is_where_the_source_has_one(
    bundle: Bundle, source: str, said: str, target: str
) -> None:
    layer = documents(bundle, Copying(lambda *_: said))

    [answer] = await layer.translate([source], TEXT)
    pieces = [each async for each in layer.stream(source, TEXT)]

    assert answer.hypotheses[0].text == target
    assert "".join(each.text for each in pieces) == target
    assert answer.segments[-1].target.end == len(target)


async def test_a_full_stop_of_the_prefix_stays(bundle: Bundle) -> None:
    layer = documents(bundle, Copying(lambda *_: "Titel."))
    options = replace(TEXT, target_prefix="Titel.")

    [answer] = await layer.translate(["A title"], options)
    pieces = [each async for each in layer.stream("A title", options)]

    assert answer.hypotheses[0].text == "Titel."
    assert "".join(each.text for each in pieces) == "Titel."


async def test_nothing_is_linked_to_a_full_stop_that_goes(bundle: Bundle) -> None:
    layer = documents(bundle, Saying(lambda _: ["Titel."]))
    options = replace(TEXT, return_alignment=True)

    [answer] = await layer.translate(["title"], options)

    [hypothesis] = answer.hypotheses
    assert hypothesis.text == "Titel"
    assert [link.target.of("Titel") for link in hypothesis.alignment] == list("Titel")
