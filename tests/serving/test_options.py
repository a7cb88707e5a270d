"""Options of a request: what each does to the text, and that they may be mixed."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import pytest
import pytest_asyncio

from onnxlate.answer import Sampling, Span, Term, TermOutcome
from onnxlate.bundle import Bundle
from onnxlate.errors import InvalidRequest
from onnxlate.text import Detokenizer
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.wire import options_from
from onnxlate_serving.caller import ANYBODY
from onnxlate_serving.config import RuntimeConfig, ServerConfig
from onnxlate_serving.deployment import Deployment
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.server import default_bundle
from onnxlate_serving.terminology import Plan
from onnxlate_serving.translation import Translation
from onnxlate_serving.translator import parted
from onnxlate_serving.words import places

from . import wishes
from .test_service import sentences

CONFIG = ServerConfig(
    runtime=RuntimeConfig(device="cpu", workers=1, threads=1), max_cached=0
)
ENGLISH = [
    "The dog runs across the street.",
    "I have not read this book.",
    "Tom bought a new house last year, and it is very big.",
    "Where are you?",
    "DOGS are not allowed in this house.",
    "She did not know what to say.",
]


LONG_WINDED = Term("one", "|".join(str(at) + "\u00e9" * 198 for at in range(16)))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def german() -> AsyncIterator[Deployment]:
    """The installed model."""
    deployment = Deployment.open(default_bundle(), CONFIG)
    await deployment.start(60)
    yield deployment
    await deployment.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def handmade(bundle: Bundle) -> AsyncIterator[Deployment]:
    deployment = Deployment.open(bundle.path, CONFIG)
    await deployment.start(60)
    yield deployment
    await deployment.stop()


async def test_who_has_begun_keeps_nothing_of_the_beginning(
    handmade: Deployment,
) -> None:
    assert handmade._first == []


async def translate(deployment: Deployment, text: str, **options: Any) -> Translation:
    asked = TranslateOptions(**options)
    [answer] = await deployment.translator.translate([text], asked)
    return answer


async def said(deployment: Deployment, text: str, **options: Any) -> list[str]:
    answer = await translate(deployment, text, **options)
    return [each.text for each in answer.hypotheses]


async def alone_and_mixed(
    deployment: Deployment, texts: list[str], count: int, seed: int
) -> None:
    rng = random.Random(seed)
    aligned = bool(deployment.manifest.attention)
    asked = [(rng.choice(texts), wishes.options(rng, aligned)) for _ in range(count)]

    async def one(text: str, options: TranslateOptions) -> Translation:
        [answer] = await deployment.translator.translate([text], options)
        return answer

    alone = [await one(*each) for each in asked]
    order = rng.sample(range(count), count)
    mixed = await asyncio.gather(*(one(*asked[index]) for index in order))

    for index, answer in zip(order, mixed, strict=True):
        assert repr(answer) == repr(alone[index]), asked[index]


async def test_mixed_at_random_each_answer_is_the_one_it_is_alone(
    german: Deployment,
) -> None:
    await alone_and_mixed(german, ENGLISH, count=40, seed=1)


async def test_that_holds_for_single_precision_too(handmade: Deployment) -> None:
    await alone_and_mixed(handmade, sentences(30), count=200, seed=2)


@pytest.mark.parametrize("beam", [1, 4])
async def test_a_translation_begins_with_its_prefix(
    german: Deployment, beam: int
) -> None:
    prefixes = ("Ein H", "Der", "Der ", "Also gut, ", "\u00dcber die St", "\ufb01n\n1")
    for prefix in prefixes:
        for text in ENGLISH[:3]:
            for each in await said(german, text, beam_size=beam, target_prefix=prefix):
                assert each.startswith(prefix)


async def test_half_a_word_becomes_the_word_that_the_model_would_say(
    german: Deployment,
) -> None:
    [text] = await said(german, ENGLISH[0], target_prefix="Der Hun")

    assert text == "Der Hund l\u00e4uft \u00fcber die Stra\u00dfe."


@pytest.mark.parametrize("prefix", ["Der  Hund", " Der", "Der  "])
async def test_a_prefix_that_cannot_be_said_exactly_is_refused(
    german: Deployment, prefix: str
) -> None:
    with pytest.raises(InvalidRequest, match="exactly"):
        await said(german, "Hello.", target_prefix=prefix)


@pytest.mark.parametrize("prefix", ["Der Hund ", "Sagt der Hund: Nein"])
async def test_a_prefix_with_a_banned_phrase_in_it_is_refused(
    german: Deployment, prefix: str
) -> None:
    with pytest.raises(InvalidRequest, match="'der hund' in it"):
        await said(german, "No.", target_prefix=prefix, banned_phrases=("DER  Hund",))


@pytest.mark.parametrize(
    ("prefix", "phrase"),
    [("Nein,", ","), ("Das kostet 5 %", "%"), ("\u4e0d", "\u4e0d")],
)
async def test_what_ends_a_prefix_and_cannot_go_on_is_a_banned_phrase_too(
    german: Deployment, prefix: str, phrase: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"'.' in it"):
        await said(german, "No.", target_prefix=prefix, banned_phrases=(phrase,))


@pytest.mark.parametrize(("prefix", "phrase"), [("Der Hun", "Der H"), ("In", "in")])
async def test_the_last_word_of_a_prefix_may_become_another_than_the_banned(
    german: Deployment, prefix: str, phrase: str
) -> None:
    [text] = await said(
        german, ENGLISH[0], target_prefix=prefix, banned_phrases=(phrase,)
    )

    assert text.startswith(prefix)
    assert not list(places(phrase.casefold(), text.casefold()))


@pytest.mark.parametrize("beam", [1, 4])
async def test_banned_phrases_do_not_come_in_any_case(
    german: Deployment, beam: int
) -> None:
    for text in ENGLISH:
        [usual] = await said(german, text, beam_size=beam)
        words = usual.strip(".?").split()
        for phrase in (words[0].upper(), words[-1].lower(), " ".join(words[1:3])):
            for each in await said(
                german, text, beam_size=beam, banned_phrases=(phrase,)
            ):
                assert not list(places(phrase.casefold(), each.casefold()))


async def test_a_phrase_is_banned_however_it_is_cut_into_tokens(
    handmade: Deployment,
) -> None:
    # It says anything, often byte by byte.
    rng = random.Random(0)
    for text in sentences(20):
        asked = {"sampling": Sampling(seed=rng.randrange(100)), "num_hypotheses": 4}
        for usual in await said(handmade, text, **asked):
            words = [word for word in usual.split() if word.isascii()]
            phrases = tuple(rng.sample(words, min(3, len(words))))
            for each in await said(handmade, text, **asked, banned_phrases=phrases):
                for phrase in phrases:
                    assert not list(places(phrase.casefold(), each.casefold()))


async def test_a_phrase_with_what_ends_strings_elsewhere_is_banned_too(
    handmade: Deployment,
) -> None:
    usual = await said(handmade, "one two")

    for phrase in ("\0", "a\0b", "\0\0 one"):
        assert await said(handmade, "one two", banned_phrases=(phrase,)) == usual


async def test_draws_are_independent_and_come_again(german: Deployment) -> None:
    drawing = {"sampling": Sampling(temperature=1.5, seed=3), "num_hypotheses": 6}

    first = await said(german, ENGLISH[2], **drawing)

    assert len(set(first)) > 3
    assert first == await said(german, ENGLISH[2], **drawing)
    other = Sampling(temperature=1.5, seed=4)
    assert first != await said(german, ENGLISH[2], sampling=other, num_hypotheses=6)


async def test_the_likeliest_of_one_is_what_greedy_search_says(
    german: Deployment,
) -> None:
    for text in ENGLISH:
        drawn = await said(german, text, sampling=Sampling(top_k=1, seed=5))
        assert drawn == await said(german, text, beam_size=1)


@pytest.mark.parametrize("options", [{"beam_size": 1}, {"beam_size": 4}])
async def test_tokens_cover_the_text_and_add_up_to_the_score(
    german: Deployment, options: dict[str, Any]
) -> None:
    for text in [*ENGLISH, "I said \U0001f642 \u4f60\u597d."]:
        answer = await translate(
            german,
            text,
            **options,
            return_tokens=True,
            return_scores=True,
            length_penalty=0,
            terms=wishes.TERMS,
        )

        [best] = answer.hypotheses
        assert len(best.tokens) == best.num_target_tokens
        assert "".join(each.target.of(best.text) for each in best.tokens) == best.text
        total = sum(each.log_prob for each in best.tokens)
        assert total == pytest.approx(best.score, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
async def test_tokens_stand_for_the_text_that_they_make_certain(
    german: Deployment, seed: int
) -> None:
    tokenizer = german.layers.sentences._target_tokenizer
    rng = random.Random(seed)
    words = ["\U0001f642", "\u4f60\u597d", "Haus", "geht", "x\u0301", "."]
    for _ in range(50):
        ids = tokenizer.encode(" ".join(rng.choices(words, k=9)))
        detokenizer = Detokenizer(tokenizer)
        ends = [0, *accumulate(len(detokenizer.add([each])) for each in ids)]

        _, spans = tokenizer.decode_with_spans(ids)

        assert parted(spans) == [Span(*pair) for pair in pairwise(ends)]


async def test_what_is_asked_again_is_ready(german: Deployment) -> None:
    model = german.layers.sentences
    options = TranslateOptions(
        banned_phrases=("ist",), target_prefix="Der", terms=wishes.TERMS
    )
    first, again = model._wishes(options), model._wishes(replace(options, beam_size=2))

    assert first.ban is again.ban
    assert first.prefix is again.prefix
    assert first.glossaries[0] is again.glossaries[0]


async def test_the_pieces_of_streams_concatenate_with_any_options(
    german: Deployment,
) -> None:
    rng = random.Random(5)
    for _ in range(30):
        text, options = rng.choice(ENGLISH), wishes.options(rng, aligned=True)
        pieces = [each async for each in german.translator.stream(text, options)]

        [whole] = await german.translator.translate([text], options)
        assert repr(pieces[-1].translation) == repr(whole)
        assert "".join(each.text for each in pieces) == whole.hypotheses[0].text


async def test_placeholders_that_the_source_has_not_are_not_said(
    german: Deployment,
) -> None:
    translator, text = german.layers.sentences, "She is the \u27e63\u27e7 of Berlin."
    num_strayed = 0
    for seed in range(100):
        # So hot that it says nearly anything.
        options = TranslateOptions(sampling=Sampling(temperature=4.0, seed=seed))
        wishes = translator._wishes(options)
        [source] = await translator._sources({"text": text}, wishes)
        questions = translator._questions(source, wishes)
        strays = translator._strays.of(questions[0])
        assert len(strays) == translator.num_placeholders - 1
        [[as_it_comes]] = (await translator._searched(questions, ANYBODY)).values()
        [[found]] = (await translator._answers(questions, ANYBODY)).values()

        assert strays.isdisjoint(found.tokens)
        if strays.isdisjoint(as_it_comes.tokens):
            assert found.tokens == as_it_comes.tokens
            continue
        num_strayed += 1
        [whole] = await translator.translate([text], options)
        pieces = [each async for each in translator.stream(text, options)]
        assert "".join(each.text for each in pieces) == whole.hypotheses[0].text
    assert num_strayed > 1


@pytest.mark.parametrize("beam", [1, 5])
async def test_a_placeholder_of_the_prefix_is_no_stray(
    german: Deployment, beam: int
) -> None:
    prefix = "Der \u27e63\u27e7 ist "
    options = TranslateOptions(target_prefix=prefix, beam_size=beam)

    [whole] = await german.translator.translate(["He is here."], options)
    pieces = [each async for each in german.translator.stream("He is here.", options)]

    text = whole.hypotheses[0].text
    assert text.startswith(prefix) and len(text) > len(prefix)
    assert "".join(each.text for each in pieces) == text


async def test_to_ban_a_digit_bans_no_placeholder(german: Deployment) -> None:
    text, terms = "The dog sleeps.", (Term("dog", "K\u00f6ter"),)

    usual = await said(german, text, terms=terms)

    assert "K\u00f6ter" in usual[0]
    banned = tuple("0123456789")
    assert await said(german, text, terms=terms, banned_phrases=banned) == usual


@pytest.mark.parametrize("beam", [1, 5])
async def test_terms_are_said_and_told_of(german: Deployment, beam: int) -> None:
    text = "The dog sees a house, and the house is big."

    answer = await translate(german, text, beam_size=beam, terms=wishes.TERMS)

    best = answer.hypotheses[0].text
    assert [use.term.source for use in answer.terms] == ["dog", "house", "house"]
    for use in answer.terms:
        assert use.outcome is TermOutcome.APPLIED
        assert use.source.of(text) == use.term.source
        assert use.target and use.target.of(best) == use.term.target


async def test_terms_of_long_texts_keep_nobody_else_waiting(
    handmade: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminology = handmade.layers.sentences._terminology
    plan, threads = terminology.plan, []

    def spied(*args: Any) -> Plan:
        threads.append(threading.current_thread())
        return plan(*args)

    monkeypatch.setattr(terminology, "plan", spied)
    for text in ("one", "one " * 2000):
        await translate(handmade, text, terms=wishes.TERMS, truncate_source=True)

    ours = threading.current_thread()
    assert [each is ours for each in threads] == [True, False]


async def test_many_texts_are_made_tokens_beside_the_event_loop(
    handmade: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = handmade.layers.sentences.source_tokenizer
    encode, threads = tokenizer.encode, set()

    def spied(text: str) -> list[int]:
        threads.add(threading.current_thread())
        return encode(text)

    monkeypatch.setattr(tokenizer, "encode", spied)
    options = TranslateOptions(truncate_source=True, max_target_tokens=1)
    ours = {threading.current_thread()}
    await handmade.translator.translate(["one"] * 256, options)
    assert threads == ours

    threads.clear()
    await handmade.translator.translate(["one " * 1000] * 9, options)
    assert threads and not threads & ours


@pytest.mark.parametrize("beam", [1, 5])
async def test_a_model_without_placeholders_says_terms_too(
    handmade: Deployment, beam: int
) -> None:
    for text in ("one two three", "five", "two five two"):
        answer = await translate(handmade, text, beam_size=beam, terms=wishes.TERMS)

        best = answer.hypotheses[0].text
        assert answer.terms
        for use in answer.terms:
            assert use.outcome is TermOutcome.APPLIED
            assert use.target and use.target.of(best) == use.term.target


async def test_a_term_that_finds_no_room_is_told_of_as_missed(
    german: Deployment,
) -> None:
    answer = await translate(
        german, "A dog and a house.", terms=wishes.TERMS, max_target_tokens=1
    )

    told = {use.outcome: use.target for use in answer.terms}
    assert told.keys() == {TermOutcome.APPLIED, TermOutcome.MISSED}
    assert told[TermOutcome.MISSED] is None


async def test_a_term_that_was_not_read_is_not_applicable(german: Deployment) -> None:
    text = "Yes, " * 200 + "dog."

    answer = await translate(german, text, terms=wishes.TERMS, truncate_source=True)

    [use] = answer.terms
    assert use.outcome is TermOutcome.NOT_APPLICABLE


async def test_bounds_hold_as_messages_carry_them(handmade: Deployment) -> None:
    for bound in (0.01, 10):
        carried = pb.TranslateOptions(sampling=pb.Sampling(temperature=bound))
        drawn = options_from(carried)["sampling"]
        assert (await translate(handmade, "one", sampling=drawn)).hypotheses


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": Sampling(temperature=0)},
        {"sampling": Sampling(temperature=0.0099)},
        {"sampling": Sampling(temperature=float("nan"))},
        {"sampling": Sampling(top_p=1.5)},
        {"sampling": Sampling(), "beam_size": 2},
        {"sampling": Sampling(), "num_hypotheses": 1000},
        {"repetition_penalty": 0.5},
        {"no_repeat_ngram_size": 1000},
        {"min_target_tokens": 10_000},
        {"banned_phrases": ("x",) * 1000},
        {"banned_phrases": ("x" * 1000,)},
        {"banned_phrases": (" ",)},
        {"target_prefix": "x" * 10_000},
        {"terms": (Term("a", ""),)},
        {"terms": (Term("a", "b"),) * 1000},
        {"terms": (LONG_WINDED,)},
        {"terms": (Term("one", "\u200b"),)},
        {"terms": (Term("one", "five|\ufeff\a"),), "beam_size": 3},
        {"glossary": "none"},
    ],
)
async def test_what_cannot_be_meant_is_refused(
    handmade: Deployment, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        await translate(handmade, "one", **options)
