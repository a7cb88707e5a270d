"""Faults 1 to 11, and 25: what callers send."""

import math
from pathlib import Path
from typing import Any

import grpc
import pytest

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .servers import Running, refused, running

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
Stub = pb_grpc.TranslationServiceStub

TRANSLATE = "/onnxlate.v1.TranslationService/Translate"


def ask(*texts: str, model: str = "", **options: Any) -> pb.TranslateRequest:
    return pb.TranslateRequest(
        texts=texts, model=model, options=pb.TranslateOptions(**options)
    )


def test_01_blank_texts_are_blank_and_none_at_all_is_a_mistake(stub: Stub) -> None:
    answer = stub.Translate(ask("", "  \t\n", "one"))

    said = [each.hypotheses[0].text for each in answer.results]
    assert said[:2] == ["", ""]
    assert said[2]
    assert refused(stub.Translate, pb.TranslateRequest()).code is INVALID


def test_02_what_is_too_much_is_refused_and_never_cut_in_silence(stub: Stub) -> None:
    for request, reason in (
        (ask("x" * 70_000), "70000 bytes"),
        (ask("one " * 200), "the model reads 100"),
        (ask(*["one"] * 257), "257 texts"),
    ):
        refusal = refused(stub.Translate, request)
        assert refusal.code is INVALID
        assert reason in refusal.details
    cut = stub.Translate(ask("one " * 200, truncate_source=True))
    assert cut.results[0].num_dropped_source_tokens > 0


@pytest.mark.parametrize("model", ["none", "handmade@9", "handmade@", "@1", "x" * 5000])
def test_03_an_unknown_model_or_version_is_not_found(stub: Stub, model: str) -> None:
    refusal = refused(stub.Translate, ask("one", model=model))

    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert "served: handmade" in refusal.details


@pytest.mark.parametrize(
    "options",
    [
        {"beam_size": 0},
        {"beam_size": 17},
        {"beam_size": 2**32 - 1},
        {"num_hypotheses": 2},
        {"max_target_tokens": 0},
        {"max_target_tokens": 81},
        {"length_penalty": math.nan},
        {"length_penalty": -0.1},
        {"length_penalty": math.inf},
        {"length_penalty": 1e30},
    ],
)
def test_04_options_that_cannot_be_meant_are_the_callers_mistake(
    stub: Stub, options: dict[str, Any]
) -> None:
    refusal = refused(stub.Translate, ask("one", **options))

    assert refusal.code is INVALID
    [name] = options
    assert name in refusal.details


def test_05_a_message_over_four_megabytes_is_refused(stub: Stub) -> None:
    refusal = refused(stub.Translate, ask("x" * 5_000_000))

    assert refusal.code is EXHAUSTED


def test_06_a_bomb_of_gzip_is_not_unpacked(server: Running) -> None:
    with grpc.insecure_channel(
        server.address, compression=grpc.Compression.Gzip
    ) as channel:
        refusal = refused(server.stub(channel).Translate, ask("x" * 60_000_000))

    assert refusal.code is EXHAUSTED
    assert "larger than max" in refusal.details


def test_07_metadata_has_a_bound(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Translate(ask("one"), metadata=(("x-long", "x" * 20_000),), timeout=20)

    assert caught.value.code() is EXHAUSTED


@pytest.mark.parametrize(
    "junk", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b" * 200]
)
def test_08_bytes_that_are_no_request_are_the_callers_mistake(
    server: Running, junk: bytes
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        refusal = refused(channel.unary_unary(TRANSLATE, None, None), junk)

    assert refusal.code is INVALID
    assert refusal.details.startswith("the request is not a message of this method")


@pytest.mark.parametrize(
    "text",
    [
        "one\0two",
        "\x07\x1b[31mone",
        "\u202eone\u202c \u200b\u200d\ufeff",
        "😀👩‍👩‍👧‍👦 one",
        "\ud7ff\ue000\U0010ffff",
        "e\u0301" * 20,
        "\u27e60\u27e7",
        "<s> </s> <pad> <unk>",
    ],
)
def test_09_strange_characters_are_text_like_any_other(stub: Stub, text: str) -> None:
    answer = stub.Translate(ask(text, truncate_source=True))

    assert len(answer.results) == 1


def test_09_a_megabyte_without_a_space_is_refused_before_it_is_read(
    server: Running, bundle: object
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        refusal = refused(server.stub(channel).Translate, ask("x" * 1_000_000))

    assert refusal.code is INVALID
    assert "1000000 bytes" in refusal.details


def test_10_a_failure_tells_its_caller_a_number_and_nothing_else(
    poisoned: Path,
) -> None:
    with running(poisoned) as server:
        with grpc.insecure_channel(server.address) as channel:
            refusal = refused(server.stub(channel).Translate, ask("z"))
        server.is_well()
        server.process.stop()

    assert refusal.code is grpc.StatusCode.INTERNAL
    words = refusal.details.split()
    assert words[:-1] == ["internal", "error;", "request", "id"]
    assert words[-1] in server.process.log  # which has the rest


def test_11_what_an_error_repeats_of_the_callers_words_is_short(stub: Stub) -> None:
    model = refused(stub.Translate, ask("one", model="y" * 1_000_000))

    assert model.code is grpc.StatusCode.NOT_FOUND
    assert len(model.details) < 2048


def test_25_a_translation_without_an_end_says_so(stub: Stub) -> None:
    answer = stub.Translate(ask("one two three four", max_target_tokens=1))

    [result] = answer.results
    assert result.hypotheses[0].finish_reason == pb.FINISH_REASON_LENGTH
