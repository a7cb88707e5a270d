"""What people complain about in this field, over a whole server whose model is at
fault: nothing of it happens in silence."""

import asyncio
from collections.abc import Sequence

import pytest

from onnxlate.bundle import Bundle
from onnxlate.search import FinishReason, Hypothesis
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.piece import Piece
from onnxlate_serving.request import Request
from onnxlate_serving.step import Step

from .doubles import Echo
from .handmade import MAX_SOURCE, write_bundle
from .serving import connected, served_by

Kind = pb.AnswerWarning


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("exact") / "bundle"
    return Bundle.open(write_bundle(path, exact=True))


class Faulty(Echo):
    """Says the first `kept` tokens of the source, `times` times over."""

    def __init__(self, kept: int, times: int) -> None:
        super().__init__()
        self._kept, self._times = kept, times

    def run(self, step: Step) -> Sequence[Piece]:
        return [self._fail(request) for request in step.decode]

    def _fail(self, request: Request) -> Piece:
        said = request.source_ids[:-1][: self._kept] * self._times
        most = request.options.max_target_tokens
        reason = FinishReason.LENGTH if len(said) >= most else FinishReason.EOS
        return Piece(request, (), (Hypothesis(said[:most], 0.0, 0.0, reason),))


async def answer(bundle: Bundle, runner: Echo, text: str, **options: int) -> pb.Result:
    request = pb.TranslateRequest(
        texts=[text],
        options=pb.TranslateOptions(format=pb.FORMAT_TEXT, **options),  # type: ignore[arg-type]
    )
    async with served_by(runner, bundle) as address, connected(address) as stub:
        response: pb.TranslateResponse = await stub.Translate(request)
        return response.results[0]


def kinds(result: pb.Result) -> set[int]:
    return {each.kind for each in result.warnings}


@pytest.mark.parametrize("beam_size", [1, 4])
async def test_a_loop_is_told_of(exact: Bundle, beam_size: int) -> None:
    text = "one two three four"

    result = await answer(exact, Faulty(8, 30), text, beam_size=beam_size)

    assert Kind.KIND_REPETITION in kinds(result)
    assert all(each.decoded_again for each in result.warnings)


async def test_what_was_left_out_is_told_of(exact: Bundle) -> None:
    text = "one two three four five six seven eight. nine"

    result = await answer(exact, Faulty(4, 1), text)

    assert Kind.KIND_TOO_SHORT in kinds(result)


async def test_what_was_cut_at_its_longest_is_told_of(exact: Bundle) -> None:
    result = await answer(exact, Echo(), "one two", max_target_tokens=1)
    cut = await answer(exact, Faulty(9, 1), "one two", max_target_tokens=2)

    assert kinds(result) == set()  # the double does as it likes
    assert Kind.KIND_UNFINISHED in kinds(cut)
    assert cut.hypotheses[0].finish_reason == pb.FINISH_REASON_LENGTH


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "\ufeff", "...", "- - -"])
async def test_a_blank_gives_no_sentence(exact: Bundle, text: str) -> None:
    result = await answer(exact, Faulty(9, 9), text)

    assert result.hypotheses[0].text == text


async def test_nothing_is_cut_however_long_it_is(exact: Bundle) -> None:
    text = "one two three " * 200 + "\n" + "four" * 500 + "\n" + "five, six " * 300

    result = await answer(exact, Echo(), text)

    assert result.hypotheses[0].text == text
    assert result.num_source_tokens > 10 * MAX_SOURCE
    assert result.num_dropped_source_tokens == 0


async def test_lines_stay_lines_whatever_the_model_says(exact: Bundle) -> None:
    text = "one two three\n\n  four five\r\nsix\n"

    result = await answer(exact, Faulty(2, 1), text)

    said = result.hypotheses[0].text
    assert [said.count(each) for each in "\r\n"] == [1, 4]
    assert len(said.splitlines()) == len(text.splitlines())
    assert said.splitlines()[2].startswith("  ")


async def test_no_sentence_of_many_is_dropped(exact: Bundle) -> None:
    text = " ".join(f"One {each}." for each in ["two", "three", "four"] * 300)

    result = await answer(exact, Echo(), text)

    assert result.hypotheses[0].text == text
    assert sum(each.translated for each in result.segments) == 900
    assert kinds(result) <= {Kind.KIND_UNKNOWN_CHARACTERS, Kind.KIND_UNTRANSLATED}


async def test_a_sentence_that_was_cut_says_so(exact: Bundle) -> None:
    request = pb.TranslateRequest(
        texts=["one two three " * 200],
        options=pb.TranslateOptions(truncate_source=True),
    )
    async with served_by(Echo(), exact) as address, connected(address) as stub:
        [result] = (await stub.Translate(request)).results

    assert Kind.KIND_TRUNCATED_SOURCE in kinds(result)


async def test_a_long_text_keeps_nobody_else_waiting(exact: Bundle) -> None:
    """They come from one address, so that they are one caller's."""
    text = "\n".join(f"one {at} two {at} three" for at in range(2000))
    texts = [f"{number} {text}" for number in range(6)]
    long = pb.TranslateRequest(
        texts=texts, options=pb.TranslateOptions(format=pb.FORMAT_TEXT)
    )
    short = pb.TranslateRequest(texts=["one"])

    runner = Echo()
    async with served_by(runner, exact) as address, connected(address) as stub:
        document = asyncio.ensure_future(stub.Translate(long))
        while not runner.steps:
            await asyncio.sleep(0)
        for _ in range(3):
            await stub.Translate(short)
        others_first = not document.done()
        results = (await document).results

    assert others_first
    assert [each.hypotheses[0].text for each in results] == texts


async def test_hanging_up_frees_the_rows_of_a_text(exact: Bundle) -> None:
    text = "\n".join(f"one {at} two {at} three" for at in range(2000))
    options = pb.TranslateOptions(format=pb.FORMAT_TEXT)
    runner = Echo()

    async with served_by(runner, exact) as address, connected(address) as stub:
        stream = stub.TranslateStream(
            pb.TranslateStreamRequest(text=text, options=options)
        )
        async for _ in stream:
            break
        stream.cancel()
        await asyncio.sleep(0.3)
        steps = len(runner.steps)
        await asyncio.sleep(0.3)

    assert len(runner.steps) == steps
    assert len(runner.said) < 500
