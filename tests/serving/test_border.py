"""What gets out of a server that is fed nonsense, or breaks."""

import asyncio
import logging
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from onnxlate.bundle import Bundle
from onnxlate.text import Tokenizer
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.border import details_of
from onnxlate_serving.config import SchedulerConfig
from onnxlate_serving.refusals import RETRY_AFTER_MS

from .doubles import Allergic, Echo, Gated
from .serving import connected, served_by

TRANSLATE = "/onnxlate.v1.TranslationService/Translate"
UNKNOWN = "/onnxlate.v1.TranslationService/Mistranslate"
STREAM = "/onnxlate.v1.TranslationService/TranslateStream"


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b" * 200],
    ids=["tags", "cut short", "not UTF-8", "nested groups"],
)
async def test_bytes_that_are_no_request_are_the_callers_mistake(
    bundle: Bundle, garbage: bytes
) -> None:
    async with (
        served_by(Echo(), bundle) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await channel.unary_unary(TRANSLATE, None, None)(garbage)
        with pytest.raises(grpc.aio.AioRpcError) as stream:
            async for _ in channel.unary_stream(STREAM, None, None)(garbage):
                pass

    for caught in (unary, stream):
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "not a message of this method" in (caught.value.details() or "")


async def test_a_failure_tells_the_caller_a_number_and_the_log_the_rest(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    text = "six"
    token = Tokenizer(bundle.source_tokenizer).encode(text)[0]
    allergic = Allergic(token)
    with caplog.at_level(logging.ERROR):
        async with (
            served_by(allergic, bundle) as address,
            connected(address) as stub,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Translate(pb.TranslateRequest(texts=[text]))
            with pytest.raises(grpc.aio.AioRpcError) as streamed:
                async for _ in stub.TranslateStream(
                    pb.TranslateStreamRequest(text=text)
                ):
                    pass
            later = await stub.Translate(pb.TranslateRequest(texts=["one"]))

    for each in (caught, streamed):
        assert each.value.code() is grpc.StatusCode.INTERNAL
        details = each.value.details() or ""
        assert details.startswith("internal error; request id ")
        assert details.split()[-1] in caplog.text
    assert Allergic.WORDS in caplog.text
    assert len(later.results) == 1


async def test_a_full_server_says_when_to_come_back(bundle: Bundle) -> None:
    gated = Gated()
    config = SchedulerConfig(max_rows=1, max_waiting=1)
    async with (
        served_by(gated, bundle, config) as address,
        connected(address) as stub,
    ):
        request = pb.TranslateRequest(texts=["one", "two"])
        taken = asyncio.ensure_future(stub.Translate(request))
        await asyncio.sleep(0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Translate(request)
        gated.go(10)
        await taken

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    # grpc-stubs calls a sequence of pairs what is a mapping as well.
    trailers: Any = caught.value.trailing_metadata()
    assert int(trailers["grpc-retry-pushback-ms"]) > 0
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == RETRY_AFTER_MS
    assert status.message == caught.value.details()


@pytest.mark.parametrize("words", ["\u6f22" * 5_000, "%" * 5_000, "\U0001f600 a" * 900])
async def test_an_error_says_no_more_than_its_caller_can_receive(
    bundle: Bundle, words: str
) -> None:
    assert details_of(ValueError(words[:150])) == words[:150]
    # As gRPC counts it, and a caller's 8 kB hold it twice, once in base64.
    assert len(quote(details_of(ValueError(words)), safe=" ")) <= 2048
    async with served_by(Echo(), bundle) as address, connected(address) as stub:
        options = pb.TranslateOptions(target_prefix=f"{words[:900]}  ")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Translate(pb.TranslateRequest(texts=["one"], options=options))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith("target_prefix ")


@pytest.mark.parametrize("ending", ["cancel", "deadline"])
async def test_a_call_that_ends_early_gives_its_row_to_the_next(
    bundle: Bundle, ending: str
) -> None:
    gated = Gated()
    async with (
        served_by(gated, bundle, SchedulerConfig(max_rows=1)) as address,
        connected(address) as stub,
    ):
        long = pb.TranslateStreamRequest(text="one " * 90)
        stream = stub.TranslateStream(long, timeout=0.3)
        gated.go()
        first = await anext(aiter(stream))
        if ending == "cancel":
            stream.cancel()
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stream:
                    pass
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(0.1)
        next_one = asyncio.ensure_future(
            stub.Translate(pb.TranslateRequest(texts=["two"]))
        )
        await asyncio.sleep(0.1)
        gated.go(10)
        answer = await asyncio.wait_for(next_one, timeout=5)

    assert first.piece == "one"
    assert answer.results[0].hypotheses[0].text == "two"
    # One for the first piece, one that was under way, and the next call's own two.
    assert len(gated.steps) == 4


async def test_an_unknown_method_is_unimplemented(bundle: Bundle) -> None:
    async with (
        served_by(Echo(), bundle) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        call = channel.unary_unary(UNKNOWN, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
