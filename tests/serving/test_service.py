"""The service over real gRPC, with a handmade model behind it."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from onnxlate.bundle import Bundle
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving.config import RequestLimits, ServerConfig

from .handmade import MAX_SOURCE, MAX_TARGET, NUMBERS, write_bundle
from .serving import ANYWHERE, connected, served

Stub = pb_grpc.TranslationServiceStub


@pytest.fixture
async def stub(bundle: Bundle) -> AsyncIterator[Stub]:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)
    async with served(config) as address, connected(address) as stub:
        yield stub


async def refusal(call: grpc.aio.UnaryUnaryCall) -> tuple[grpc.StatusCode, str]:  # type: ignore[type-arg]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


def sentences(count: int, longest: int = 12) -> list[str]:
    rng = random.Random(count)
    words = NUMBERS.split()
    return [
        " ".join(rng.choices(words, k=rng.randint(1, longest))) for _ in range(count)
    ]


async def test_every_text_has_its_own_result_in_order(stub: Stub) -> None:
    texts = sentences(5)

    together = await stub.Translate(pb.TranslateRequest(texts=texts))
    one_by_one = [
        await stub.Translate(pb.TranslateRequest(texts=[text])) for text in texts
    ]

    assert list(together.results) == [each.results[0] for each in one_by_one]
    assert together.model == "handmade"


async def test_mixed_options_in_one_batch_give_the_answers_they_give_alone(
    stub: Stub,
) -> None:
    options = [
        pb.TranslateOptions(),
        pb.TranslateOptions(beam_size=5, num_hypotheses=3, return_scores=True),
        pb.TranslateOptions(return_scores=True),
        pb.TranslateOptions(max_target_tokens=2),
        pb.TranslateOptions(beam_size=2, length_penalty=0, max_target_tokens=30),
    ]
    requests = [
        pb.TranslateRequest(texts=[text], options=options[i % len(options)])
        for i, text in enumerate(sentences(40))
    ]

    alone = [await stub.Translate(each) for each in requests]
    order = random.Random(0).sample(range(40), 40)
    answers = await asyncio.gather(*(stub.Translate(requests[i]) for i in order))

    assert [answers[order.index(i)] for i in range(40)] == alone


@pytest.mark.parametrize("beam", [1, 4])
async def test_the_pieces_of_a_stream_concatenate_to_the_translation(
    stub: Stub, beam: int
) -> None:
    options = pb.TranslateOptions(beam_size=beam)
    for text in sentences(12):
        request = pb.TranslateStreamRequest(text=text, options=options)
        messages = [each async for each in stub.TranslateStream(request)]
        whole = await stub.Translate(pb.TranslateRequest(texts=[text], options=options))

        last = messages[-1].result
        said = "".join(each.piece for each in messages)
        assert said == last.hypotheses[0].text
        assert last == whole.results[0]
        assert [m.HasField("result") for m in messages[:-1]] == [False] * (
            len(messages) - 1
        )


@pytest.mark.parametrize(
    "asked",
    [
        pb.TranslateOptions(),
        pb.TranslateOptions(beam_size=3, num_hypotheses=2, target_prefix="one t"),
        pb.TranslateOptions(sampling=pb.Sampling(seed=5), num_hypotheses=3),
        pb.TranslateOptions(glossary="numbers", banned_phrases=["two"]),
    ],
)
async def test_the_options_in_effect_give_the_same_answer_again(
    bundle: Bundle, tmp_path: Path, asked: pb.TranslateOptions
) -> None:
    (tmp_path / "numbers.tsv").write_text("one\teins\n")
    config = ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, max_cached=0, glossaries=tmp_path
    )
    async with served(config) as address, connected(address) as stub:
        request = pb.TranslateRequest(texts=sentences(4), options=asked)
        first = await stub.Translate(request)
        streamed = pb.TranslateStreamRequest(text=request.texts[0], options=asked)
        messages = [each async for each in stub.TranslateStream(streamed)]

        # Whatever the server's defaults, they are in it.
        again = pb.TranslateRequest(texts=request.texts, options=first.options)
        assert await stub.Translate(again) == first
        assert messages[-1].options == first.options
        assert messages[-1].digest == first.digest != ""
        if asked.glossary:
            assert first.options.glossary.startswith("numbers@")
            (tmp_path / "numbers.tsv").write_text("one\tuno\n")
            assert await stub.Translate(again) == first  # it was read before
            await stub.Translate(request)
            assert (await stub.Translate(again)).options == first.options


@pytest.mark.parametrize("blank", ["", "   ", "\t\n", "\u3000"])
async def test_a_blank_text_gives_a_blank_translation(stub: Stub, blank: str) -> None:
    answer = await stub.Translate(pb.TranslateRequest(texts=[blank, "one"]))
    stream = stub.TranslateStream(pb.TranslateStreamRequest(text=blank))
    (message,) = [each async for each in stream]

    hypothesis = pb.Hypothesis(text="", finish_reason=pb.FINISH_REASON_EOS)
    assert answer.results[0] == pb.Result(hypotheses=[hypothesis])
    assert answer.results[1].num_source_tokens == 2
    assert message.result == answer.results[0]


async def test_scores_come_on_request_alone(stub: Stub) -> None:
    texts = ["one two", ""]
    asked = pb.TranslateOptions(return_scores=True)

    silent = await stub.Translate(pb.TranslateRequest(texts=texts))
    scored = await stub.Translate(pb.TranslateRequest(texts=texts, options=asked))

    assert not silent.results[0].hypotheses[0].HasField("score")
    assert scored.results[0].hypotheses[0].score < 0
    assert scored.results[1].hypotheses[0].HasField("score")
    assert scored.results[0].hypotheses[0].text == silent.results[0].hypotheses[0].text


async def test_hypotheses_come_best_first(stub: Stub) -> None:
    options = pb.TranslateOptions(beam_size=5, num_hypotheses=4, return_scores=True)

    answer = await stub.Translate(
        pb.TranslateRequest(texts=["one two three"], options=options)
    )

    scores = [each.score for each in answer.results[0].hypotheses]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)


async def test_a_translation_that_is_cut_says_so(stub: Stub) -> None:
    options = pb.TranslateOptions(max_target_tokens=1)

    answer = await stub.Translate(
        pb.TranslateRequest(texts=["one two three"], options=options)
    )

    (hypothesis,) = answer.results[0].hypotheses
    assert hypothesis.finish_reason == pb.FINISH_REASON_LENGTH
    assert hypothesis.num_target_tokens == 1


async def test_a_text_that_is_too_long_is_refused_with_both_numbers(
    stub: Stub,
) -> None:
    text = "one " * MAX_SOURCE

    code, details = await refusal(
        stub.Translate(pb.TranslateRequest(texts=["two", text]))
    )

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"texts[1] has {MAX_SOURCE + 1} tokens" in details
    assert f"reads {MAX_SOURCE}" in details


async def test_a_truncated_text_is_flagged_and_translated_up_to_the_limit(
    stub: Stub,
) -> None:
    options = pb.TranslateOptions(truncate_source=True)
    kept = " ".join(["one"] * (MAX_SOURCE - 1))

    cut = await stub.Translate(
        pb.TranslateRequest(texts=[kept + " two two two"], options=options)
    )
    whole = await stub.Translate(pb.TranslateRequest(texts=[kept]))

    assert cut.results[0].num_dropped_source_tokens == 3
    assert cut.results[0].num_source_tokens == MAX_SOURCE
    assert whole.results[0].num_dropped_source_tokens == 0
    assert cut.results[0].hypotheses == whole.results[0].hypotheses


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (pb.TranslateOptions(beam_size=0), "beam_size is 0"),
        (pb.TranslateOptions(beam_size=17), "beam_size is 17; it must be from 1 to 16"),
        (pb.TranslateOptions(num_hypotheses=2), "num_hypotheses is 2"),
        (pb.TranslateOptions(beam_size=4, num_hypotheses=0), "num_hypotheses is 0"),
        (pb.TranslateOptions(length_penalty=float("nan")), "length_penalty is nan"),
        (pb.TranslateOptions(length_penalty=float("inf")), "length_penalty is inf"),
        (pb.TranslateOptions(length_penalty=-1), "length_penalty is -1"),
        (pb.TranslateOptions(max_target_tokens=0), "max_target_tokens is 0"),
        (pb.TranslateOptions(max_target_tokens=MAX_TARGET + 1), "from 1 to 80"),
    ],
)
async def test_an_option_out_of_range_is_refused_even_for_a_blank_text(
    stub: Stub, options: pb.TranslateOptions, words: str
) -> None:
    request = pb.TranslateRequest(texts=[""], options=options)

    code, details = await refusal(stub.Translate(request))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert words in details


async def test_no_texts_and_too_many_texts_are_refused(bundle: Bundle) -> None:
    config = ServerConfig(
        bundles=(bundle.path,),
        listen=ANYWHERE,
        limits=RequestLimits(max_texts=3, max_text_bytes=20),
    )
    async with served(config) as address, connected(address) as stub:
        none = await refusal(stub.Translate(pb.TranslateRequest()))
        many = await refusal(stub.Translate(pb.TranslateRequest(texts=["one"] * 4)))
        large = await refusal(stub.Translate(pb.TranslateRequest(texts=["ü" * 11])))
        fits = await stub.Translate(pb.TranslateRequest(texts=["ü" * 10] * 3))

    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert none == (invalid, "0 texts in one call; it takes from 1 to 3")
    assert many == (invalid, "4 texts in one call; it takes from 1 to 3")
    assert large[0] is invalid
    assert "texts[0] has 22 bytes; this server takes 20" in large[1]
    assert len(fits.results) == 3


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\u200f\u202e", "👩‍👩‍👧", "\ufffd" * 9, "x" * 90, "\u200b"]
)
async def test_odd_characters_are_translated_like_any_other(
    stub: Stub, text: str
) -> None:
    answer = await stub.Translate(pb.TranslateRequest(texts=[text]))
    stream = stub.TranslateStream(pb.TranslateStreamRequest(text=text))
    pieces = [each.piece async for each in stream]

    assert "".join(pieces) == answer.results[0].hypotheses[0].text


async def test_several_models_are_served_by_name(
    bundle: Bundle, tmp_path: Path
) -> None:
    other = write_bundle(tmp_path / "other", name="other", seed=1)
    config = ServerConfig(bundles=(bundle.path, other), listen=ANYWHERE)
    async with served(config) as address, connected(address) as stub:
        models = (await stub.ListModels(pb.ListModelsRequest())).models
        default = await stub.GetModel(pb.GetModelRequest())
        named = await stub.GetModel(pb.GetModelRequest(name="other"))
        ours = await stub.Translate(pb.TranslateRequest(texts=["one two"]))
        theirs = await stub.Translate(
            pb.TranslateRequest(texts=["one two"], model="other")
        )
        missing = await refusal(stub.GetModel(pb.GetModelRequest(name="x" * 9999)))

    assert [(each.name, each.is_default) for each in models] == [
        ("handmade", True),
        ("other", False),
    ]
    assert (default, named) == tuple(models)
    assert default.digest == bundle.manifest.digest()
    assert default.max_source_tokens == MAX_SOURCE
    assert default.default_options.beam_size == 1
    assert (ours.model, theirs.model) == ("handmade", "other")
    assert ours.results != theirs.results
    assert missing[0] is grpc.StatusCode.NOT_FOUND
    assert "served: handmade, other" in missing[1]
    assert len(missing[1]) < 200
