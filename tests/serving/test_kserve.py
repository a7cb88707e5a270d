"""The Open Inference Protocol, by a stock client of Triton's and byte by byte."""

import asyncio
import json
import math
import struct
import sys
import threading
from typing import Any

import grpc
import pytest

from onnxlate import AsyncClient
from onnxlate.answer import Sampling, Term
from onnxlate.bundle import Bundle
from onnxlate.errors import Overloaded
from onnxlate.messages import Translation
from onnxlate_serving import kserve_outputs
from onnxlate_serving import kserve_pb2 as pb
from onnxlate_serving import kserve_pb2_grpc as pb_grpc
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.crew import Crew
from onnxlate_serving.kserve_outputs import details
from onnxlate_serving.markup.markup import Markup

from .serving import ANYWHERE, served

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


@pytest.fixture
def config(bundle: Bundle) -> ServerConfig:
    return ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)


async def test_a_stock_triton_client_finds_what_it_expects(
    config: ServerConfig, bundle: Bundle
) -> None:
    name = bundle.manifest.name
    async with served(config) as address:
        caller = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.serving.triton_caller", address, name),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(caller.communicate(), timeout=60)
        assert caller.returncode == 0, err.decode()
        async with AsyncClient(address) as client:
            ours = await client.translate(["one two", "three", ""], return_scores=True)
            short = await client.translate(
                ["one two", "three", ""], beam_size=1, max_target_tokens=2
            )
            whole = await client.translate(["one two three", "four", "five", "seven"])
            wished = {
                name: await client.translate([WISH_TEXT], return_scores=True, **options)
                for name, options in WISHES.items()
            }
    seen: dict[str, Any] = json.loads(out)

    assert seen["live"] and seen["ready"] and seen["model ready"]
    assert seen["version ready"]
    assert not seen["other ready"]
    assert seen["server"]["name"] == "onnxlate"
    assert seen["model"]["inputs"] == [
        {"name": "text", "datatype": "BYTES", "shape": ["-1"]}
    ]
    assert seen["model"]["versions"] == ["1"]
    outputs = [each["name"] for each in seen["model"]["outputs"]]
    assert outputs == ["translation", "score", "finish_reason", "details"]
    assert seen["config"]["name"] == name
    assert [each["name"] for each in seen["config"]["output"]] == outputs
    assert seen["index"]["models"] == [{"name": name, "version": "1", "state": "READY"}]

    infer = seen["infer"]
    assert infer["id"] == "7"
    assert infer["all"]["translation"] == [each.text for each in ours]
    assert infer["all"]["score"] == pytest.approx([each.score for each in ours])
    reasons = [each.finish_reason.name.lower() for each in ours]
    assert infer["all"]["finish_reason"] == reasons
    assert infer["chosen"] == {
        "translation": [each.text for each in short],
        "score": None,
        "finish_reason": None,
    }

    for name, [ours_too] in wished.items():
        says_the_same(seen["wishes"][name], ours_too)

    pieces = [each for each in seen["stream"] if each[0] == "0"]
    assert "".join(piece for _, [piece], _ in pieces) == whole[0].text
    assert [final for _, _, final in pieces] == [False] * (len(pieces) - 1) + [True]
    rest = [each for each in seen["stream"] if each[0] != "0"]
    assert rest[0] == ["1", [whole[1].text, whole[2].text], True]
    assert rest[1][0] == "error" and "beam_size is 0" in rest[1][1]
    assert rest[2] == ["3", [whole[3].text], True]

    failures = seen["failures"]
    assert "NOT_FOUND: there is no model 'none'" in failures["model"]
    assert "BYTES is wanted" in failures["input"]
    assert "no parameter 'temprature'" in failures["parameter"]
    assert "UNIMPLEMENTED" in failures["shared memory"]
    [before] = seen["before"]["model_stats"]
    [after] = seen["after"]["model_stats"]
    assert "inference_count" not in before  # zero
    assert int(after["inference_count"]) == 3 + 3 + len(WISHES) + 1 + 2 + 1
    assert int(after["execution_count"]) > 5


WISHES: dict[str, dict[str, Any]] = {
    "several": {"beam_size": 4, "num_hypotheses": 3, "length_penalty": 1.0},
    "text": {"format": "text", "protected_phrases": ["three"]},
    "html": {"format": "html", "protect": True},
    "terms": {"terms": [Term("two", "four five")], "beam_size": 2},
    "drawn": {"sampling": Sampling(temperature=0.7, top_k=9, top_p=0.9, seed=5)},
    "chosen words": {
        "target_prefix": "six",
        "banned_phrases": ["one", "ten"],
        "repetition_penalty": 1.5,
        "no_repeat_ngram_size": 2,
        "min_target_tokens": 4,
        "max_target_tokens": 20,
        "truncate_source": True,
    },
    "tokens": {"return_tokens": True},
}
"""As triton_caller.py says the same."""
WISH_TEXT = "one two\nthree  <b>four</b> "


def says_the_same(outputs: dict[str, Any], ours: Translation) -> None:
    texts, shape = outputs["translation"]
    several = len(ours.hypotheses)
    assert texts == [each.text for each in ours.hypotheses]
    assert shape == ([1] if several == 1 else [1, several])
    assert outputs["score"][0] == pytest.approx([h.score for h in ours.hypotheses])
    assert outputs["finish_reason"][0] == [
        each.finish_reason.name.lower() for each in ours.hypotheses
    ]
    [[details], whole] = outputs["details"]
    assert whole == [1]
    told = json.loads(details)
    assert told["hypotheses"][0]["text"] == ours.text
    tokens = ours.hypotheses[0].tokens
    assert len(told["hypotheses"][0].get("tokens", ())) == len(tokens)
    assert len(told.get("segments", ())) == len(ours.segments)
    assert [each["source_term"] for each in told.get("terms", ())] == [
        each.term.source for each in ours.terms
    ]
    assert len(told.get("protected_items", ())) == len(ours.protected_items)
    assert [each["details"] for each in told.get("warnings", ())] == [
        each.details for each in ours.warnings
    ]


def request(*texts: bytes, **fields: Any) -> pb.ModelInferRequest:
    raw = b"".join(struct.pack("<I", len(each)) + each for each in texts)
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="text", datatype="BYTES", shape=[len(texts)]
    )
    return pb.ModelInferRequest(
        **{"inputs": [tensor], "raw_input_contents": [raw], **fields}
    )


def shaped(*shape: int) -> list[pb.ModelInferRequest.InferInputTensor]:
    tensor = pb.ModelInferRequest.InferInputTensor
    return [tensor(name="text", datatype="BYTES", shape=shape)]


def parameter(**values: Any) -> dict[str, pb.InferParameter]:
    return {name: pb.InferParameter(**what) for name, what in values.items()}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (request(b"one", inputs=[]), "one input is wanted"),
        (request(b"one", inputs=shaped(2)), "1 elements"),
        (request(b"one", inputs=shaped(-1)), "1 elements"),
        (request(b"one", inputs=shaped(1) * 2), "one input is wanted"),
        (request(raw_input_contents=[b"\x05\x00\x00"]), "within a length"),
        (request(raw_input_contents=[b"\x05\x00\x00\x00one"]), "within an element"),
        (request(raw_input_contents=[b"", b""]), "more entries"),
        (request(b"\xff"), "not UTF-8"),
        (request(b"one", inputs=shaped(*[2**62] * 9)), "more than 8 axes"),
        (request(raw_input_contents=[bytes(4 * 5000)]), "more than 4096 elements"),
        (request(b"one", outputs=[{"name": "score"}] * 2), "named twice"),
        (request(), "0 texts in one call"),
        (
            request(b"one", outputs=[{"name": "logits"}]),
            "there is no output 'logits'",
        ),
        (
            request(b"one", parameters=parameter(beam_size={"string_param": "2"})),
            "parameter beam_size: Input should be a valid integer",
        ),
        (
            request(b"one", parameters=parameter(beam_size={"bool_param": True})),
            "parameter beam_size: Input should be a valid integer",
        ),
        (
            request(b"one", parameters=parameter(beam_size={"int64_param": -(2**63)})),
            "beam_size is -9223372036854775808; it must be from 1 to",
        ),
        (
            request(b"one", parameters=parameter(length_penalty={})),
            "parameter length_penalty: Input should be a valid number",
        ),
        (
            request(b"one", parameters=parameter(top_p={"double_param": math.nan})),
            "sampling.top_p is nan",
        ),
        (
            request(b"one", parameters=parameter(top_k={"int64_param": -1})),
            "parameter top_k: Input should be greater than or equal to 0",
        ),
        (
            request(b"one", parameters=parameter(format={"string_param": "pdf"})),
            "parameter format: Input should be 'sentence', 'text', 'html' or",
        ),
        (
            request(b"one", parameters=parameter(terms={"string_param": '{"a": 1}'})),
            "parameter terms: Input should be a valid string",
        ),
        (
            request(b"one", parameters=parameter(terms={"string_param": '["a"]'})),
            "parameter terms: Input should be a valid dictionary",
        ),
        (
            request(
                b"one",
                parameters=parameter(banned_phrases={"string_param": "[" * 9999}),
            ),
            "parameter banned_phrases: Invalid JSON",
        ),
        (  # before it reads what others are, of which there may be very many
            request(
                b"one",
                parameters=parameter(terms={"string_param": "dog"}, colour={}),
            ),
            "there is no parameter 'colour'",
        ),
        (
            request(
                b"one", parameters=parameter(banned_phrases={"string_param": "dog"})
            ),
            "parameter banned_phrases: Invalid JSON",
        ),
        (
            request(
                b"one", parameters=parameter(return_alignment={"bool_param": True})
            ),
            "no attention graph",
        ),
        (request(b"one " * 200), "tokens; the model reads"),
    ],
)
async def test_what_cannot_be_meant_is_the_callers_mistake(
    config: ServerConfig, wrong: pb.ModelInferRequest, reason: str
) -> None:
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ModelInfer(wrong)
        streamed = [each async for each in stub.ModelStreamInfer(iter([wrong]))]

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in (caught.value.details() or "")
    assert [reason in each.error_message for each in streamed] == [True]


async def test_contents_may_come_as_bytes_and_in_any_shape(
    config: ServerConfig,
) -> None:
    tensors = shaped(2, 1)
    tensors[0].contents.bytes_contents.extend([b"one", b"two"])
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        answer = await stub.ModelInfer(pb.ModelInferRequest(inputs=tensors))
        flat = await stub.ModelInfer(request(b"one", b"two"))

    assert [list(each.shape) for each in answer.outputs] == [[2, 1]] * 3
    assert answer.raw_output_contents == flat.raw_output_contents


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_left_unsaid_means_the_same_as_in_our_own_protocol(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    seen = []
    name = "stream" if streamed else "translate"
    answering = getattr(Markup, name)

    def noted(self: Markup, texts: Any, options: Any, *rest: Any) -> Any:
        seen.append(options)
        return answering(self, texts, options, *rest)

    monkeypatch.setattr(Markup, name, noted)
    asked = request(
        b"one",
        outputs=[{"name": "translation"}],
        parameters=parameter(stream={"bool_param": streamed}),
    )
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        assert [each async for each in stub.ModelStreamInfer(iter([asked]))]
        async with AsyncClient(address) as client:
            if streamed:
                async with client.stream("one") as pieces:
                    assert [each async for each in pieces]
            else:
                await client.translate(["one"])

    theirs, ours = seen
    assert theirs == ours


async def test_a_full_server_does_nothing_for_whom_it_refuses(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Crew, caller: Any) -> None:
        raise Overloaded("7 texts are waiting already")

    begun: list[Any] = []
    plain = request(b"one")
    streamed = request(b"one", parameters=parameter(stream={"bool_param": True}))
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        monkeypatch.setattr(Crew, "check_room", refuse)
        monkeypatch.setattr(Markup, "translate", begun.append)
        monkeypatch.setattr(Markup, "stream", begun.append)
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ModelInfer(plain)
        told = stub.ModelStreamInfer(iter([plain, streamed]))
        reasons = [each.error_message async for each in told]
        async with AsyncClient(address) as client:
            with pytest.raises(Overloaded):
                async with client.stream("one") as pieces:
                    await anext(pieces)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reasons == ["7 texts are waiting already"] * 2
    assert begun == []


async def test_where_a_text_has_fewer_hypotheses_the_rest_are_empty(
    config: ServerConfig,
) -> None:
    wish = {
        **parameter(format={"string_param": "html"}),
        **parameter(beam_size={"int64_param": 2}),
        **parameter(num_hypotheses={"int64_param": 2}),
    }
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        answer = await stub.ModelInfer(request(b"one", b"two", parameters=wish))

    assert [list(each.shape) for each in answer.outputs] == [[2, 2]] * 3
    _, scores, reasons = answer.raw_output_contents
    one, nothing, two, nothing_else = struct.unpack("<4f", scores)
    assert nothing == nothing_else == -math.inf < min(one, two)
    assert reasons.count(b"\0\0\0\0") == 2


async def test_details_are_written_beside_what_else_is_answered(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def noted(*answer: Any) -> str:
        threads.append(threading.current_thread())
        return details(*answer)

    monkeypatch.setattr(kserve_outputs, "details", noted)
    names = ("score", "details", "translation")
    asked = request(b"one", outputs=[{"name": each} for each in names])
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        answer = await pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(asked)

    assert [each.name for each in answer.outputs] == [*names]
    [thread] = threads
    assert thread is not threading.current_thread()


async def test_junk_on_a_stream_ends_neither_it_nor_the_server(
    config: ServerConfig,
) -> None:
    good = request(b"one").SerializeToString()
    async with served(config) as address, grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(
            STREAM, None, pb.ModelStreamInferResponse.FromString
        )(iter([b"\xff\xff", good]))
        answers = [each async for each in call]

    assert [each.error_message for each in answers] == ["unreadable request", ""]
    assert answers[1].infer_response.model_name == "handmade"
