"""Which words an answer comes from, as callers are told.

The model echoes, and its attention graph says that each token comes from the one at its
place: so every word of an answer must be linked to itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest

from onnxlate.bundle import AttentionHead, Bundle
from onnxlate.errors import BundleError, InvalidRequest, Overloaded, Unavailable
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.config import (
    RequestLimits,
    RuntimeConfig,
    SchedulerConfig,
    ServerConfig,
)
from onnxlate_serving.crew import Crew
from onnxlate_serving.deployment import Deployment, looking_at
from onnxlate_serving.engine import Engine
from onnxlate_serving.explanation import MAX_WEIGHTS
from onnxlate_serving.looking import Looking
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.sessions import Sessions
from onnxlate_serving.translation import Translation
from onnxlate_serving.translator import Translator

from .doubles import Echo
from .handmade import DIAGONAL, HEADS, LAYERS, MAX_SOURCE, rewrite, write_bundle
from .serving import ANYWHERE, connected, served, served_by

ALIGNED = TranslateOptions(return_alignment=True)
SEEN = TranslateOptions(return_attention=True)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("aligned") / "bundle"
    return Bundle.open(write_bundle(path, aligned_by=DIAGONAL))


def looking(bundle: Bundle, waiting: int = 9) -> Looking:
    sessions = Sessions(bundle, RuntimeConfig(device="cpu", workers=1, threads=1))
    found = looking_at(bundle, sessions, SchedulerConfig(max_waiting=waiting))
    assert found
    return found


@asynccontextmanager
async def echoing(
    bundle: Bundle, eyes: Looking | None, max_cached: int = 0
) -> AsyncIterator[Translator]:
    engine = Engine(Scheduler(SchedulerConfig()), Echo())
    engine.start()
    crew, limits = Crew([engine]), RequestLimits()
    try:
        yield Translator(bundle, crew, limits, max_cached, looking=eyes)
    finally:
        await engine.stop()


def links(text: str, translation: Translation) -> list[tuple[str, str]]:
    (best,) = translation.hypotheses
    return [(a.source.of(text), a.target.of(best.text)) for a in best.alignment]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two, three.", ["one", "two", ",", "three", "."]),
        ("Grüße 🙂 an 漢字", ["Grüße", "🙂", "an", "漢", "字"]),
        ("cafe\u0301 3.14", ["cafe\u0301", "3.14"]),
    ],
)
async def test_every_word_is_linked_to_what_it_comes_from(
    aligned: Bundle, text: str, expected: list[str]
) -> None:
    async with echoing(aligned, looking(aligned)) as model:
        (found,) = await model.translate([text], ALIGNED)

    # The answer is normalised, the text is not.
    same = [(word, word.replace("e\u0301", "é")) for word in expected]
    assert links(text, found) == same
    assert {a.probability for a in found.hypotheses[0].alignment} == {1.0}


async def test_spans_are_of_the_text_as_it_was_given(aligned: Bundle) -> None:
    options = pb.TranslateOptions(return_alignment=True)
    request = pb.TranslateRequest(texts=["  ｏｎｅ\u3000🙂 two"], options=options)
    eyes = looking(aligned)
    async with (
        served_by(Echo(), aligned, looking=eyes) as address,
        connected(address) as stub,
    ):
        response = await stub.Translate(request)

    (hypothesis,) = response.results[0].hypotheses
    assert hypothesis.text == "one 🙂 two"
    assert [(each.source, each.target) for each in hypothesis.alignment] == [
        (
            pb.Span(start=2, end=5, start_byte=2, end_byte=11),
            pb.Span(start=0, end=3, start_byte=0, end_byte=3),
        ),
        (
            pb.Span(start=6, end=7, start_byte=14, end_byte=18),
            pb.Span(start=4, end=5, start_byte=4, end_byte=8),
        ),
        (
            pb.Span(start=8, end=11, start_byte=19, end_byte=22),
            pb.Span(start=6, end=9, start_byte=9, end_byte=12),
        ),
    ]


async def test_a_text_has_the_same_links_alone_beside_others_and_from_the_cache(
    aligned: Bundle,
) -> None:
    texts = ["one two three", "four", "", "five six. " * 9, "one two three"]
    async with echoing(aligned, looking(aligned), max_cached=9) as model:
        together = await model.translate(texts, ALIGNED)
        again = await model.translate(texts, ALIGNED)
        alone = [(await model.translate([text], ALIGNED))[0] for text in texts]
        streams = [[each async for each in model.stream(t, ALIGNED)] for t in texts]
    async with echoing(aligned, looking(aligned)) as model:
        fresh = [[each async for each in model.stream(t, ALIGNED)] for t in texts]

    assert together == again == alone
    assert [pieces[-1].translation for pieces in streams] == together
    assert [pieces[-1].translation for pieces in fresh] == together
    linked = [bool(each.hypotheses[0].alignment) for each in together]
    assert linked == [True, True, False, True, True]


async def test_who_does_not_ask_is_told_nothing_and_opens_nothing(
    tmp_path: Path,
) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "bundle", aligned_by=DIAGONAL))
    async with echoing(bundle, looking(bundle)) as model:
        (tmp_path / "bundle" / "attention.onnx").unlink()

        (found,) = await model.translate(["one two"], TranslateOptions())

        (best,) = found.hypotheses
        assert (best.alignment, best.attention) == ((), ())
        with pytest.raises(BundleError, match=r"attention\.onnx"):
            await model.translate(["one two"], ALIGNED)


async def test_attention_is_that_of_all_layers_and_heads(aligned: Bundle) -> None:
    async with echoing(aligned, looking(aligned)) as model:
        (found,) = await model.translate(["one two"], SEEN)

    (seen,) = found.hypotheses[0].attention
    assert found.hypotheses[0].alignment == ()
    assert seen.source_pieces == ("▁one", "▁two", "</s>")
    assert seen.target_pieces == ("<s>", "▁one", "▁two", "</s>")  # echoes say the end
    assert (seen.num_layers, seen.num_heads) == (LAYERS, HEADS)
    weights = np.array(seen.weights).reshape(LAYERS, HEADS, 4, 3)
    assert weights[DIAGONAL.layer, DIAGONAL.head, 1:].tolist() == np.eye(3).tolist()
    assert weights[0].tolist() == np.full((HEADS, 4, 3), np.float32(1 / 3)).tolist()


async def test_more_attention_than_a_message_holds_is_refused(aligned: Bundle) -> None:
    texts = [" ".join(["one"] * 95)] * 30
    async with echoing(aligned, looking(aligned)) as model:
        with pytest.raises(InvalidRequest, match=f"carries {MAX_WEIGHTS}: ask for few"):
            await model.translate(texts, SEEN)

        assert len(await model.translate(texts, ALIGNED)) == 30


async def test_what_was_not_read_has_no_links(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "bundle", aligned_by=DIAGONAL)
    rewrite(path, f'"max_source_tokens": {MAX_SOURCE}', '"max_source_tokens": 20')
    bundle = Bundle.open(path)
    text = " ".join(["one two"] * 20)
    cut = TranslateOptions(return_alignment=True, truncate_source=True)
    async with echoing(bundle, looking(bundle)) as model:
        (found,) = await model.translate([text], cut)

    assert found.num_dropped_source_tokens > 0
    (best,) = found.hypotheses
    assert best.text == text[: len(best.text)]  # an echo of what was read
    assert best.alignment[-1].source.end == len(best.text) < len(text)


async def test_every_hypothesis_has_its_own_links(aligned: Bundle) -> None:
    config = ServerConfig(bundles=(aligned.path,), listen=ANYWHERE)
    options = pb.TranslateOptions(
        beam_size=4, num_hypotheses=4, return_alignment=True, return_attention=True
    )
    async with served(config) as address, connected(address) as stub:
        request = pb.TranslateRequest(texts=["one two three four"], options=options)
        response = await stub.Translate(request)

    hypotheses = response.results[0].hypotheses
    assert len(hypotheses) == 4
    for each in hypotheses:
        (seen,) = each.attention
        num_tokens = each.num_target_tokens - (each.finish_reason == 1)
        assert len(seen.target_pieces) == 1 + num_tokens
        ends = [link.target.end for link in each.alignment]
        assert ends == sorted(ends)
        assert max(ends, default=0) <= len(each.text)


async def test_a_bundle_without_the_graph_says_so(bundle: Bundle) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)
    async with served(config) as address, connected(address) as stub:
        for options in (
            pb.TranslateOptions(return_alignment=True),
            pb.TranslateOptions(return_attention=True),
        ):
            request = pb.TranslateRequest(texts=["one"], options=options)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Translate(request)

            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "has no attention graph; export it again" in str(caught.value)


def test_heads_that_the_model_does_not_have_are_no_bundle(tmp_path: Path) -> None:
    head = AttentionHead(layer=LAYERS, head=0)
    path = write_bundle(tmp_path / "bundle", aligned_by=head)

    with pytest.raises(BundleError, match=f"head 0 of layer {LAYERS}, which"):
        Deployment.open(path, ServerConfig())


async def test_who_comes_when_too_many_wait_is_refused(aligned: Bundle) -> None:
    eyes = looking(aligned, waiting=1)
    async with echoing(aligned, eyes) as model:
        eyes._num_waiting = 1
        with pytest.raises(Overloaded, match="1 texts are waiting"):
            await model.translate(["one"], ALIGNED)
        eyes._num_waiting = 0
        assert await model.translate(["one"], ALIGNED)

        eyes.stop()
        with pytest.raises(Unavailable):
            await model.translate(["one"], ALIGNED)
