"""Whatever a model says, what is to be kept is there as it was, exactly once."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.answer import (
    Format,
    ItemKind,
    Sampling,
    Span,
    Term,
    TermOutcome,
    TermUse,
)
from onnxlate.errors import InvalidRequest, Overloaded
from onnxlate_serving.caller import ANYBODY, Caller
from onnxlate_serving.config import RequestLimits
from onnxlate_serving.glossary import Glossaries
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.protection.case import Ask
from onnxlate_serving.protection.chain import Abilities
from onnxlate_serving.protection.items import Item
from onnxlate_serving.protection.protecting import Job, Protecting
from onnxlate_serving.protection.verbatim import Verbatim
from onnxlate_serving.translation import Translation

from .doubles import Model, Saying, Whimsical, echo, shouting

PROTECT = TranslateOptions(protect=True)


def protecting(model: Model, symbols: int = 10) -> tuple[Protecting, Saying]:
    below = Saying(model)
    can = Abilities(num_symbols=symbols, beam_size=5, max_beam_size=16)
    return Protecting(below, "en", can, RequestLimits()), below


async def answer(
    model: Model, text: str, options: TranslateOptions = PROTECT, symbols: int = 10
) -> Translation:
    [translation] = await protecting(model, symbols)[0].translate([text], options)
    return translation


async def said(model: Model, text: str, symbols: int = 10) -> str:
    translation = await answer(model, text, symbols=symbols)
    return translation.hypotheses[0].text


ITEMS = st.sampled_from(
    [
        *("https://x.y/z?a=b", "(www.x.com)", "a.b@x.org,", "3", "3", "5 km", "20 %"),
        *("{name}", "%s", "${x}", "{n, plural, one {#} other {##}}", "`ls -l`", "⟦3⟧"),
        *("10:30 p.m.", "[1]", "1st", "MP3", "<b>", "$5.99.", "New York", "3:", "-"),
    ]
)
WORDS = st.sampled_from(["Tom", "sees", "a dog", "and", "Mary,", "now.", "“So", "so”"])
SENTENCES = st.lists(st.one_of(ITEMS, WORDS), min_size=1, max_size=14).map(" ".join)


@settings(max_examples=400)
@given(SENTENCES, st.integers(0, 9), st.sampled_from([0, 2, 10]))
def test_everything_is_kept_whatever_the_model_says(
    text: str, seed: int, symbols: int
) -> None:
    options = replace(PROTECT, protected_phrases=("New York",))

    translation = asyncio.run(answer(Whimsical(seed), text, options, symbols))

    target = translation.hypotheses[0].text
    items = translation.protected_items
    assert [each.source for each in items] == sorted(
        (each.source for each in items), key=lambda span: span.start
    )
    places = [each.target for each in items if each.target]
    assert len(places) == len(items)
    assert [at.of(target) for at in places] == [each.source.of(text) for each in items]
    ends = sorted((at.start, at.end) for at in places)
    assert all(one[1] <= other[0] for one, other in pairwise(ends))


@settings(max_examples=200)
@given(SENTENCES)
def test_a_model_that_says_the_same_again_gives_the_same_text(text: str) -> None:
    translation = asyncio.run(answer(echo, text))
    assert translation.hypotheses[0].text == text


async def test_a_model_that_knows_symbols_never_sees_the_items() -> None:
    layer, below = protecting(echo)

    await layer.translate(["Tell {name} about http://x.y today."], PROTECT)

    assert [text for text, _ in below.asked] == ["Tell ⟦0⟧ about ⟦1⟧ today."]
    assert layer.ways == {"symbols": 1}


async def test_what_is_set_apart_is_no_matter_of_the_models() -> None:
    layer, below = protecting(shouting)
    texts = ["{name}: Where are you (10:30)?", "1. Buy milk", "It is late. www.x.org"]

    found = await layer.translate(texts, PROTECT)

    assert [each.hypotheses[0].text for each in found] == [
        "{name}: WHERE ARE YOU (10:30)?",
        "1. BUY MILK",
        "IT IS LATE. www.x.org",
    ]
    asked = [text for text, _ in below.asked]
    assert asked == ["Where are you?", "Buy milk", "It is late."]


async def test_the_full_stop_of_an_item_is_no_end_of_a_sentence() -> None:
    text = "See 10:30 p.m. so, [1]"

    found = await answer(lambda _: ["so 10:30 p.m."], text, symbols=0)

    [time, _] = found.protected_items
    assert time.target is not None
    assert time.target.of(found.hypotheses[0].text) == "10:30 p.m."


async def test_another_hypothesis_tells_of_terms_by_their_forms() -> None:
    class Glossed(Saying):
        """Reports two uses of a term, and one that was cut off."""

        async def translate(
            self,
            texts: Sequence[str],
            options: TranslateOptions,
            caller: Caller = ANYBODY,
        ) -> list[Translation]:
            found = await super().translate(texts, options, caller)
            return [replace(each, terms=uses) for each in found]

    term = Term("bank", "Bank|Geldhaus")
    at = Span(0, 4)
    uses = (
        TermUse(term, TermOutcome.APPLIED, at, Span(0, 4)),
        TermUse(term, TermOutcome.APPLIED, at, Span(0, 4)),
        TermUse(term, TermOutcome.NOT_APPLICABLE, at),
        TermUse(Term("a", "aus"), TermOutcome.APPLIED, at, Span(0, 3)),
    )
    below = Glossed(lambda _: ["Bank Bank", "⟦0⟧: Geldhaus, Bank"])
    layer = Protecting(below, "en", Abilities(10, 5, 16), RequestLimits())

    [found] = await layer.translate(["bank and {x} bank"], PROTECT)

    target = found.hypotheses[0].text
    assert target == "{x}: Geldhaus, Bank"
    places = [each.target and each.target.of(target) for each in found.terms]
    assert places == ["Bank", "Geldhaus", None, None]
    outcomes = [each.outcome for each in found.terms[2:]]
    assert outcomes == [TermOutcome.NOT_APPLICABLE, TermOutcome.MISSED]


async def test_once_let_in_later_ways_wait_for_room() -> None:
    class Crowded(Saying):
        """Refuses every second call, the first one excepted."""

        num_calls = 0

        async def translate(
            self,
            texts: Sequence[str],
            options: TranslateOptions,
            caller: Caller = ANYBODY,
        ) -> list[Translation]:
            self.num_calls += 1
            if self.num_calls % 2 == 0:
                raise Overloaded("too many are waiting")
            return await super().translate(texts, options, caller)

    below = Crowded(lambda text: [text.replace("⟦0⟧", "")])
    layer = Protecting(below, "en", Abilities(10, 5, 16), RequestLimits())

    [found] = await layer.translate(["See {x} now"], PROTECT)

    assert found.hypotheses[0].text == "See {x} now"
    assert below.num_calls > 2


@pytest.mark.parametrize("penalty", [None, 0.5])
async def test_the_score_of_pieces_is_that_of_their_log_probabilities(
    penalty: float | None,
) -> None:
    below = Saying(lambda text: [text.replace("⟦0⟧", "")])
    can = Abilities(10, 5, 16, length_penalty=1.5)
    layer = Protecting(below, "en", can, RequestLimits())
    options = replace(PROTECT, return_scores=True, length_penalty=penalty)

    [found] = await layer.translate(["See the {x} now"], options)

    power = 1.5 if penalty is None else penalty
    assert found.hypotheses[0].num_target_tokens == 3 + 2
    expected = -(3**power + 2**power) / 5**power
    assert found.hypotheses[0].score == pytest.approx(expected)


async def test_what_is_in_brackets_stays_behind_its_name() -> None:
    assert (
        await said(lambda _: ["Heute kam Tom."], "Tom (t@x.org) came today.")
        == "Heute kam Tom (t@x.org)."
    )


async def test_a_mark_that_a_phrase_begins_with_is_no_other_items_too() -> None:
    options = replace(PROTECT, protected_phrases=('"x',))
    found = await answer(lambda text: [text.upper()], 'see "1"x now', options)

    assert found.hypotheses[0].text == 'SEE "1"x NOW'


async def test_another_hypothesis_is_taken_if_the_best_has_lost_something() -> None:
    def model(text: str) -> list[str]:
        return ["VERLOREN", "⟦0⟧ ⟦0⟧", "ES IST ⟦0⟧ HIER"]

    layer, below = protecting(model)
    [found] = await layer.translate(["It is {x} here."], PROTECT)

    assert found.hypotheses[0].text == "ES IST {x} HIER"
    assert layer.ways == {"symbols, wider beam": 1}
    assert [each.beam_size for _, each in below.asked] == [None, 8]


async def test_at_last_a_sentence_is_cut_at_its_items() -> None:
    found = await said(lambda text: [text.upper().replace("⟦", "")], "See {x} now.")
    assert found == "SEE {x} NOW."


async def test_who_knows_no_symbols_is_trusted_as_long_as_it_copies() -> None:
    assert await said(shouting, "Give 3 to {X} now.", symbols=0) == "GIVE 3 TO {X} NOW."
    # It shouts {y} as well, so that it is cut out.
    assert await said(shouting, "Give 3 to {y} now.", symbols=0) == "GIVE 3 TO {y} NOW."


async def test_an_item_within_a_word_may_be_in_one_again() -> None:
    def model(text: str) -> list[str]:
        return [text, "0A ? is it."]

    assert await said(model, "0A\u00cc is it.", symbols=0) == "0A\u00cc is it."


@pytest.mark.parametrize(
    "wrong", ["Er hat 13 Hunde.", "Er hat 3.5 Hunde.", "Er hat 3 von 3 Hunden."]
)
async def test_three_is_neither_in_thirteen_nor_there_twice(wrong: str) -> None:
    def model(text: str) -> list[str]:
        return [wrong if text == "He has 3 dogs." else text]

    assert await said(model, "He has 3 dogs.") == "He has 3 dogs."


async def test_ordinals_are_the_models_and_their_digits_are_not() -> None:
    def model(text: str) -> list[str]:
        return ["Der 3. Stock."] if text == "The 3rd floor." else ["?"]

    translation = await answer(model, "The 3rd floor.")

    [item] = translation.protected_items
    assert translation.hypotheses[0].text == "Der 3. Stock."
    assert (item.source, item.target) == (Span(4, 5), Span(4, 5))


async def test_no_word_runs_into_an_item() -> None:
    def model(text: str) -> list[str]:
        return ["Das kostet⟦0⟧Dollar⟦1⟧"]

    assert await said(model, "It costs {x} on {y}") == "Das kostet {x} Dollar {y}"


async def test_more_items_than_symbols_share_them_where_they_are_neighbours() -> None:
    layer, below = protecting(echo, symbols=2)
    text = "Take {a}, {b}, {c} and {d} now."

    [found] = await layer.translate([text], PROTECT)

    assert found.hypotheses[0].text == text
    assert below.asked[0][0] == "Take ⟦0⟧ and ⟦1⟧ now."
    assert len(found.protected_items) == 4


async def test_the_pieces_of_a_call_are_asked_in_calls_of_their_own() -> None:
    below = Saying(lambda text: [text.replace("⟦", "")])
    limits = RequestLimits(max_texts=2)
    layer = Protecting(below, "en", Abilities(10, 5, 16), limits)

    found = await layer.translate(["a {x} b {y} c", "d {z} e"], PROTECT)

    texts = [each.hypotheses[0].text for each in found]
    assert texts == ["a {x} b {y} c", "d {z} e"]
    assert max(below.sizes) == 2


async def test_a_mark_between_two_items_stays_one() -> None:
    assert await said(shouting, 'say "{x}"{y}" now') == 'SAY "{x}"{y}" NOW'


async def test_symbols_of_the_text_itself_survive() -> None:
    assert await said(shouting, "a ⟦7⟧ and ⟦0⟧ b {x} c") == "A ⟦7⟧ AND ⟦0⟧ B {x} C"


@pytest.mark.parametrize("text", ["https://x.y/z", "42.", "1, 2, 3", " {a} ({b}) "])
async def test_a_text_of_nothing_else_is_copied(text: str) -> None:
    layer, below = protecting(shouting)

    [found] = await layer.translate([text], PROTECT)

    assert found.hypotheses[0].text == text
    assert all(each.kept for each in found.protected_items)
    assert [asked for asked, _ in below.asked] == [""]


async def test_each_draw_of_a_text_of_nothing_else_is_the_text() -> None:
    class Drawing(Saying):
        """Of a blank too there are as many hypotheses as were asked for."""

        async def translate(
            self,
            texts: Sequence[str],
            options: TranslateOptions,
            caller: Caller = ANYBODY,
        ) -> list[Translation]:
            found = await super().translate(texts, options, caller)
            return [
                replace(each, hypotheses=each.hypotheses * options.num_draws)
                for each in found
            ]

    layer = Protecting(Drawing(echo), "en", Abilities(10, 5, 16), RequestLimits())
    options = replace(PROTECT, sampling=Sampling(), num_hypotheses=3)

    [found] = await layer.translate(["42"], options)

    assert [each.text for each in found.hypotheses] == ["42"] * 3


async def test_sentences_are_protected_only_where_somebody_asks() -> None:
    by_format = {
        Format.SENTENCE: "GIVE {X}",
        Format.TEXT: "GIVE {x}",
    }
    for format, expected in by_format.items():
        found = await answer(shouting, "Give {x}", TranslateOptions(format=format))
        assert found.hypotheses[0].text == expected


async def test_phrases_are_kept_even_if_nothing_else_is() -> None:
    options = TranslateOptions(protected_phrases=("the Who",))

    found = await answer(shouting, "We hear the Who, {x} and ⟦0⟧.", options)

    assert found.hypotheses[0].text == "WE HEAR the Who, {X} AND ⟦0⟧."
    kinds = [each.kind for each in found.protected_items]
    assert kinds == [ItemKind.PHRASE, ItemKind.PLACEHOLDER]


async def test_the_number_of_a_term_is_left_to_the_glossary() -> None:
    layer, below = protecting(echo)
    options = replace(PROTECT, terms=(Term("windows 11", "Fenster 11"),))

    await layer.translate(["I have Windows 11 and {x} here"], options)

    assert below.asked[0][0] == "I have Windows 11 and ⟦0⟧ here"


async def test_stored_glossaries_have_their_numbers_too(tmp_path: Path) -> None:
    (tmp_path / "it.tsv").write_text("Windows 11\tWindows XI\n")
    below = Saying(echo)
    layer = Protecting(
        below, "en", Abilities(10, 5, 16), RequestLimits(), Glossaries(tmp_path).named
    )

    await layer.translate(
        ["I have Windows 11 and {x} here"], replace(PROTECT, glossary="it")
    )

    assert below.asked[0][0] == "I have Windows 11 and ⟦0⟧ here"


@pytest.mark.parametrize("text", ["See https://bank.org now", "https://bank.org"])
async def test_a_term_within_an_item_is_reported_as_not_applicable(text: str) -> None:
    options = replace(PROTECT, terms=(Term("bank", "Geldhaus"),))

    found = await answer(echo, text, options)

    [use] = found.terms
    assert use.outcome is TermOutcome.NOT_APPLICABLE
    assert use.source.of(text) == "bank"
    assert use.target is None


async def test_what_long_texts_have_is_kept_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, _ = protecting(echo)
    threads = []
    asks, take = Verbatim.asks, Job.take

    def asking(self: Verbatim) -> Sequence[Ask]:
        threads.append(threading.current_thread())
        return asks(self)

    def taking(self: Job, found: Sequence[Translation]) -> None:
        threads.append(threading.current_thread())
        take(self, found)

    monkeypatch.setattr(Verbatim, "asks", asking)
    monkeypatch.setattr(Job, "take", taking)
    for text in ("cat 5", "cat 5 " * 1000):
        [found] = await layer.translate([text], PROTECT)
        assert found.hypotheses[0].text == text

    main = threading.main_thread()
    assert [each is main for each in threads] == [True, True, False, False]


async def test_long_texts_are_looked_through_beside_the_event_loop() -> None:
    layer, _ = protecting(echo)
    threads = set()
    find = layer._finder.items

    def watched(text: str, phrases: Sequence[str], everything: bool) -> list[Item]:
        threads.add(threading.current_thread())
        return find(text, phrases, everything)

    layer._finder.items = watched  # type: ignore[method-assign, assignment]
    await layer.translate(["word " * 1000], PROTECT)
    assert threading.main_thread() not in threads
    await layer.translate(["word"], PROTECT)
    assert threading.main_thread() in threads

    threads.clear()
    await layer.translate(["ä" * (RequestLimits().max_text_bytes // 2 + 1)], PROTECT)
    assert not threads


async def test_a_mistaken_phrase_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="blank"):
        await answer(echo, "a", TranslateOptions(protected_phrases=("a", " ")))
    many = tuple(f"word{number}" for number in range(1001))
    with pytest.raises(InvalidRequest, match="1001 protected_phrases"):
        await answer(echo, "a", TranslateOptions(protected_phrases=many))


async def test_tokens_and_links_are_those_of_the_text_that_is_read() -> None:
    options = replace(PROTECT, return_tokens=True, return_alignment=True)
    text = "See {name} now."

    found = await answer(echo, text, options)

    [hypothesis] = found.hypotheses
    pieces = {token.target.of(hypothesis.text) for token in hypothesis.tokens}
    assert pieces == {"{name}", *"See now."}
    assert {link.source for link in hypothesis.alignment} == {Span(0, len(text))}


async def test_every_hypothesis_has_everything() -> None:
    def model(text: str) -> list[str]:
        return ["A ⟦0⟧", "B", "⟦0⟧ C", "⟦0⟧ D ⟦0⟧"]

    found = await answer(model, "So {x} so", replace(PROTECT, num_hypotheses=4))

    assert [each.text for each in found.hypotheses] == ["A {x}", "{x} C"]


async def test_where_the_options_leave_no_room_the_report_says_so() -> None:
    options = replace(PROTECT, target_prefix="Ja", beam_size=1)

    found = await answer(lambda text: ["Ja, nie."], "{a} see {b} now", options)

    assert [each.kept for each in found.protected_items] == [False, False]
    assert "with these options" in found.protected_items[0].reason


@pytest.mark.parametrize(
    ("source", "prefix", "asked"),
    [
        ("Tell {x} this", "Sag {x}", "Sag ⟦0⟧"),
        # "2" is a part of what is there, and of the symbol for the other.
        ("I see 2 dogs in 2024.", "Im Jahr 2024 ", "Im Jahr ⟦1⟧ "),
        ("I see 2 and 22 dogs.", "22 und 2", "⟦1⟧ und ⟦0⟧"),
    ],
)
async def test_a_prefix_may_have_items(source: str, prefix: str, asked: str) -> None:
    layer, below = protecting(lambda text: [f"{asked} ⟦0⟧ ⟦1⟧."])
    options = replace(PROTECT, target_prefix=prefix)

    await layer.translate([source], options)

    prefixes = [each.target_prefix for text, each in below.asked if "⟦" in text]
    assert prefixes[0] == asked


@pytest.mark.parametrize(
    ("source", "prefix", "phrases"),
    [
        ("Stop: https://onnx.ai", "Halt.", ()),
        ("Stop (https://onnx.ai).", "Halt!", ()),
        ("Ask Tom (tom@example.org) today.", "Frag Tom heute", ()),
        ("I am at Acme Inc. in 2024 at 10 p.m.", "Um 10 p.m.", ("Acme Inc.",)),
    ],
)
async def test_nothing_is_put_into_a_prefix(
    source: str, prefix: str, phrases: tuple[str, ...]
) -> None:
    options = replace(PROTECT, target_prefix=prefix, protected_phrases=phrases)
    found = await answer(lambda text: [prefix], source, options)

    assert found.hypotheses[0].text.startswith(prefix)


async def test_a_translation_begins_with_its_prefix_once_items_are_back() -> None:
    def model(text: str) -> list[str]:
        # The item would be parted from the word that runs on in the prefix.
        return ["In⟦0⟧ so"] if "⟦0⟧" in text else ["In{x}und so"]

    options = replace(PROTECT, target_prefix="In{x}u")
    found = await answer(model, "In {x} so", options)

    assert found.hypotheses[0].text.startswith("In{x}u")


@pytest.mark.parametrize(
    ("source", "model_says", "expected"),
    [
        ("I am at Acme Inc.", "Bin bei ⟦0⟧.", "Bin bei Acme Inc."),
        ("Am I at Acme Inc.?", "Bin ich bei ⟦0⟧?", "Bin ich bei Acme Inc.?"),
        ("Acme Inc. is here.", "Hier ist ⟦0⟧.", "Hier ist Acme Inc.."),
    ],
)
async def test_an_items_own_full_stop_ends_the_sentence(
    source: str, model_says: str, expected: str
) -> None:
    options = replace(PROTECT, protected_phrases=("Acme Inc.",), return_alignment=True)

    found = await answer(lambda text: [model_says], source, options)

    [hypothesis] = found.hypotheses
    assert hypothesis.text == expected
    assert all(link.target.start < link.target.end for link in hypothesis.alignment)


async def test_a_sentence_without_items_streams_as_it_did() -> None:
    layer, _ = protecting(shouting)

    plain = [piece.text async for piece in layer.stream("Tom is here", PROTECT)]
    whole = [piece.text async for piece in layer.stream("Tom is {x}", PROTECT)]

    assert plain == ["TOM ", "IS ", "HERE"]
    assert whole == ["TOM IS {x}"]
