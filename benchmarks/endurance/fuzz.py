"""Requests broken in every way: none may be answered as if that were our fault."""

import asyncio
from collections import Counter
from random import Random

import grpc
import grpc.aio
from google.protobuf.message import Message

from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving import kserve_pb2

from .target import RETRIES_OFF, Target, Unfit, require_flat

SERVICE, KSERVE = "/onnxlate.v1.TranslationService/", "/inference.GRPCInferenceService/"

CALLERS = 32

OUR_FAULT = {grpc.StatusCode.INTERNAL.name, grpc.StatusCode.UNKNOWN.name}

WARM_UP = 0.2
"""Share of the requests after which memory counts."""


def sample(random: Random) -> tuple[str, Message]:
    """A method and a request of it that is sound, but for its options now and then."""
    texts = [strange_text(random) for _ in range(random.choice((0, 1, 1, 1, 2, 5)))]
    options = pb.TranslateOptions(max_target_tokens=random.choice((1, 2, 5)))
    if random.random() < 0.3:
        options.beam_size = random.choice((0, 1, 2, 16, 17, 2**32 - 1))
    if random.random() < 0.2:
        number = random.choice((0.0, 1.0, -1.0, float("nan"), float("inf"), 1e38))
        options.length_penalty = number
    if random.random() < 0.5:
        options.truncate_source = True
    model = random.choice(("", "", "", "none", "@", "a@b", strange_text(random)))
    match random.randrange(6):
        case 0 | 1:
            request = pb.TranslateRequest(texts=texts, model=model, options=options)
            return f"{SERVICE}Translate", request
        case 2:
            text = texts[0] if texts else ""
            stream = pb.TranslateStreamRequest(text=text, model=model, options=options)
            return f"{SERVICE}TranslateStream", stream
        case 3:
            return f"{SERVICE}GetModel", pb.GetModelRequest(name=model)
        case 4:
            return f"{KSERVE}ModelInfer", _inference(random, texts)
        case _:
            asked = kserve_pb2.ModelMetadataRequest(name=model)
            return f"{KSERVE}ModelMetadata", asked


def _inference(random: Random, texts: list[str]) -> kserve_pb2.ModelInferRequest:
    tensor = kserve_pb2.ModelInferRequest.InferInputTensor(
        name=random.choice(("text", "text", "text", "x")),
        datatype=random.choice(("BYTES", "BYTES", "FP32")),
        shape=random.choice(([len(texts)], [len(texts)], [-1], [2**62] * 999, [])),
    )
    raw = b"".join(
        len(each.encode()).to_bytes(4, "little") + each.encode() for each in texts
    )
    outputs = random.choices(("translation", "score", "logits"), k=random.randrange(3))
    parameters = {
        "max_target_tokens": kserve_pb2.InferParameter(int64_param=2),
        "truncate_source": kserve_pb2.InferParameter(bool_param=True),
    }
    return kserve_pb2.ModelInferRequest(
        inputs=[tensor],
        outputs=[{"name": name} for name in outputs * random.choice((1, 1, 500))],
        raw_input_contents=[raw],
        parameters=parameters,
    )


def strange_text(random: Random) -> str:
    """Of any characters there are, or of words with something among them."""
    if random.random() < 0.5:
        size = random.choice((0, 1, 3, 10, 50))
        points = (random.choice(_RANGES) for _ in range(size))
        return "".join(chr(random.randrange(*each)) for each in points)
    words = random.choices(("one", "hello", "I", "house", "1984", "\0", "\u202e"), k=4)
    return " ".join(words)


_RANGES = (
    *((0, 128), (128, 0x800), (0x4E00, 0x9FFF), (0x1F300, 0x1FAFF)),
    *((0xE000, 0x10000), (0x10000, 0x110000), (0x2000, 0x2070)),
)
"""All but the surrogates, which are no characters."""


def mutated(random: Random, message: bytes) -> bytes:
    """The same with some bytes changed, cut off, doubled, put in, or others instead."""
    content = bytearray(message)
    for _ in range(random.choice((0, 1, 1, 2, 8))):
        at = random.randrange(len(content) + 1)
        match random.randrange(5):
            case 0 if content:
                content[at % len(content)] ^= 1 << random.randrange(8)
            case 1:
                del content[at:]
            case 2:
                content[at:at] = content[: random.randrange(64)]
            case 3:
                content[at:at] = random.randbytes(random.randrange(16))
            case _:
                content = bytearray(random.randbytes(random.randrange(64)))
    return bytes(content)


async def send(channel: grpc.aio.Channel, method: str, request: bytes) -> None:
    """Waits for the answer, or all of a stream's; raises AioRpcError."""
    if method.endswith("Stream"):
        stream = channel.unary_stream(method, None, None)
        _ = [piece async for piece in stream(request, timeout=60)]
    else:
        await channel.unary_unary(method, None, None)(request, timeout=60)


async def fuzz(server: Target, num_requests: int, seed: int) -> dict[str, object]:
    """Sends so many; raises Unfit if one is INTERNAL or UNKNOWN."""
    random = Random(seed)
    statuses: Counter[str] = Counter()
    numbers = iter(range(num_requests))
    resident: list[float] = []
    ours: list[str] = []

    async def caller(channel: grpc.aio.Channel) -> None:
        for number in numbers:
            method, message = sample(random)
            request = mutated(random, message.SerializeToString())
            try:
                await send(channel, method, request)
                status = "OK"
            except grpc.aio.AioRpcError as error:
                status = error.code().name
            statuses[status] += 1
            if status in OUR_FAULT:
                ours.append(f"{method} {request.hex()}")
            if number in (int(num_requests * WARM_UP), num_requests - 1):
                resident.append(server.resident_mb)

    async with grpc.aio.insecure_channel(server.address, RETRIES_OFF) as channel:
        await asyncio.gather(*(caller(channel) for _ in range(CALLERS)))
    if ours:
        raise Unfit(
            f"{len(ours)} of {num_requests} were INTERNAL or UNKNOWN: {ours[0]}"
        )
    require_flat(resident)
    return {
        "requests": num_requests,
        "statuses": dict(statuses.most_common()),
        "resident_mb_after_a_fifth": resident[0],
        "resident_mb_at_the_end": resident[-1],
        "seconds_until_idle": server.wait_until_idle(),
    }
