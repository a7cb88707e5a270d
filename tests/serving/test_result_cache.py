"""What was decoded once is not decoded again, and nothing else is taken for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from onnxlate.answer import Sampling
from onnxlate.bundle import Bundle
from onnxlate.errors import Overloaded
from onnxlate.search import FinishReason, Hypothesis, SearchOptions
from onnxlate.text import Tokenizer
from onnxlate_serving.config import RequestLimits, SchedulerConfig
from onnxlate_serving.crew import Crew
from onnxlate_serving.engine import Engine
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.result_cache import Question, ResultCache
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.translator import Translator
from onnxlate_serving.vocabulary import Vocabulary
from onnxlate_serving.wording import Ban, Prefix

from .doubles import Echo, Gated


def question(*source_ids: int, beam_size: int = 1) -> Question:
    return Question(source_ids, SearchOptions(9, beam_size=beam_size))


def answer(token: int) -> tuple[Hypothesis, ...]:
    return (Hypothesis((token,), 0.0, 0.0, FinishReason.EOS),)


def test_the_answer_not_asked_for_longest_is_forgotten() -> None:
    cache = ResultCache(max_texts=2)
    cache.put(question(1), answer(1))
    cache.put(question(2), answer(2))
    cache.get(question(1))

    cache.put(question(3), answer(3))

    assert cache.get(question(1)) == answer(1)
    assert cache.get(question(2)) is None
    assert len(cache) == 2


def test_large_answers_count_as_several() -> None:
    cache = ResultCache(max_texts=20)
    large = (Hypothesis((7,) * 2500, 0.0, 0.0, FinishReason.EOS),)

    for _ in range(3):
        for token in range(20):
            cache.put(question(token), answer(token))
        assert len(cache) == 20
        for token in range(40, 50):
            cache.put(question(token), large)
        assert len(cache) == 2
    assert cache.get(question(49)) == large

    cache.put(question(49), large * 10)  # alone too large, and all there is
    assert len(cache) == 1


def test_other_options_are_another_question() -> None:
    cache = ResultCache(max_texts=9)
    cache.put(question(1), answer(1))

    assert cache.get(question(1, beam_size=2)) is None


@asynccontextmanager
async def translator(
    bundle: Bundle,
    echo: Echo,
    max_cached: int,
    config: SchedulerConfig | None = None,
    limits: RequestLimits | None = None,
) -> AsyncIterator[Translator]:
    engine = Engine(Scheduler(config or SchedulerConfig()), echo)
    engine.start()
    try:
        yield Translator(bundle, Crew([engine]), limits or RequestLimits(), max_cached)
    finally:
        await engine.stop()


async def test_who_asks_again_is_answered_without_the_model(bundle: Bundle) -> None:
    echo = Echo()
    async with translator(bundle, echo, max_cached=9) as model:
        first = await model.translate(["one two", "three"], TranslateOptions())
        num_steps = len(echo.steps)

        again = await model.translate(["three", "one two"], TranslateOptions())
        streamed = [each async for each in model.stream("three", TranslateOptions())]

    assert again == first[::-1]
    assert [each.text for each in streamed] == [first[1].hypotheses[0].text]
    assert streamed[-1].translation == first[1]
    assert len(echo.steps) == num_steps


async def test_a_text_that_comes_twice_in_a_call_is_decoded_once(
    bundle: Bundle,
) -> None:
    echo = Echo()
    async with translator(bundle, echo, max_cached=0) as model:
        left, other, right = await model.translate(
            ["one", "two", "one"], TranslateOptions()
        )

    assert left == right != other
    assert len(echo.steps[0].decode) == 2


async def test_a_cache_of_none_remembers_nothing(bundle: Bundle) -> None:
    echo = Echo()
    async with translator(bundle, echo, max_cached=0) as model:
        await model.translate(["one"], TranslateOptions())
        num_steps = len(echo.steps)

        await model.translate(["one"], TranslateOptions())

    assert len(echo.steps) == 2 * num_steps


async def test_a_full_server_answers_what_it_knows_and_reads_nothing_long(
    bundle: Bundle,
) -> None:
    gated, options = Gated(), TranslateOptions()
    config = SchedulerConfig(max_rows=1, max_waiting=1)
    async with translator(bundle, gated, 9, config) as model:
        gated.go(2)  # the word, and the end
        known = await model.translate(["one"], options)
        crowd = asyncio.create_task(model.translate(["two", "three", "four"], options))
        await asyncio.sleep(0.05)

        assert await model.translate(["one"], options) == known
        with pytest.raises(Overloaded):
            await model.translate(["five"], options)
        with pytest.raises(Overloaded):  # and not SourceTooLong
            await model.translate(["six " * 1000], options)
        gated.go(20)
        await crowd


async def test_no_more_draws_are_decoded_at_once_than_texts_in_a_call(
    bundle: Bundle,
) -> None:
    echo, limits = Echo(), RequestLimits(max_texts=3)
    drawn = TranslateOptions(sampling=Sampling(), num_hypotheses=4)
    async with translator(bundle, echo, 0, limits=limits) as model:
        answers = await model.translate(["one", "two", "three"], drawn)

    texts = [{each.text for each in answer.hypotheses} for answer in answers]
    assert texts == [{"one"}, {"two"}, {"three"}]
    assert [len(each.hypotheses) for each in answers] == [4, 4, 4]
    assert max(len(step.decode) for step in echo.steps) == 3


async def test_a_call_that_is_in_waits_for_room(bundle: Bundle) -> None:
    gated, limits = Gated(), RequestLimits(max_texts=1)
    drawn = TranslateOptions(sampling=Sampling(), num_hypotheses=2)
    config = SchedulerConfig(max_rows=1, max_waiting=1)
    async with translator(bundle, gated, 0, config, limits) as model:
        ours = asyncio.create_task(model.translate(["one"], drawn))
        await asyncio.sleep(0.05)
        crowd = Translator(bundle, model._crew, RequestLimits())
        texts = ["two", "three", "four", "five"]
        others = asyncio.create_task(crowd.translate(texts, TranslateOptions()))
        await asyncio.sleep(0.05)
        gated.go(2)  # our first draw; the second finds the line full
        await asyncio.sleep(0.05)
        gated.go(100)

        [answer] = await ours
        await others

    assert len(answer.hypotheses) == 2


def test_what_is_remembered_has_no_tables(bundle: Bundle) -> None:
    tokenizer = Tokenizer(bundle.target_tokenizer)
    vocabulary = Vocabulary(tokenizer)
    rules = Ban.of(["one"], vocabulary), Prefix.of("two", tokenizer, vocabulary)
    asked = Question((1,), SearchOptions(9, rules=rules))
    cache = ResultCache(max_texts=9)
    cache.put(asked, answer(1))

    [kept] = cache._answers
    ban, prefix = kept.options.rules
    assert isinstance(ban, Ban)
    assert isinstance(prefix, Prefix)
    assert (len(ban.always), ban.after, prefix.rest) == (0, {}, ())
    assert cache.get(asked) == answer(1)
    others = Ban.of(["two"], vocabulary), rules[1]
    assert cache.get(Question((1,), SearchOptions(9, rules=others))) is None
    assert len(rules[0].always)  # what decodes keeps its own
