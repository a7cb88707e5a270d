"""Load on a server: callers who do not wait for each other, or who do.

Open loop: calls arrive at random, as from many people who know nothing of each other,
and a slow server does not slow them down. How long an answer took counts from when its
call was due, so a client that falls behind hides nothing.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice

import grpc
import grpc.aio

from onnxlate.channel import channel_options
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc


@dataclass(frozen=True, slots=True)
class Call:
    """One answer, or none."""

    due: float
    """On the clock that all processes share."""

    seconds: float
    """From when it was due to the answer."""

    num_target_tokens: int
    """0 where it was refused, or took too long."""

    @property
    def answered(self) -> bool:
        return self.num_target_tokens > 0


@dataclass(frozen=True, slots=True)
class Load:
    """Who calls, and with what."""

    texts: Sequence[str]
    """Again from the start when they are used up."""

    options: pb.TranslateOptions
    timeout_s: float
    """After which a caller hangs up."""

    texts_per_call: int = 1

    def calls(self) -> Iterator[list[str]]:
        """What is sent, without end."""
        texts = cycle(self.texts)
        while True:
            yield list(islice(texts, self.texts_per_call))


def poisson_arrivals(rate: float, count: int, seed: int) -> list[float]:
    """When each call is due, in seconds: independent of one another, so many a
    second on average."""
    gaps = random.Random(seed)
    due = 0.0
    times = []
    for _ in range(count):
        due += gaps.expovariate(rate)
        times.append(due)
    return times


async def open_loop(address: str, load: Load, arrivals: Sequence[float]) -> list[Call]:
    """Calls when they are due, whatever has become of the others."""
    async with _connected(address) as stub:
        start = time.perf_counter()
        tasks = []
        for due, texts in zip(arrivals, load.calls(), strict=False):
            # Zero when late: the other calls must have their turn all the same.
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            tasks.append(asyncio.create_task(_call(stub, texts, load, start + due)))
        return list(await asyncio.gather(*tasks))


async def closed_loop(
    address: str, load: Load, callers: int, count: int
) -> tuple[list[Call], float]:
    """So many callers, each with one call at a time; the calls and the seconds."""
    requests = islice(load.calls(), count)
    calls: list[Call] = []

    async def caller(stub: pb_grpc.TranslationServiceStub) -> None:
        for texts in requests:  # shared: each caller takes the next one
            calls.append(await _call(stub, texts, load, time.perf_counter()))

    async with _connected(address) as stub:
        start = time.perf_counter()
        await asyncio.gather(*(caller(stub) for _ in range(callers)))
        return calls, time.perf_counter() - start


async def _call(
    stub: pb_grpc.TranslationServiceStub, texts: list[str], load: Load, due: float
) -> Call:
    request = pb.TranslateRequest(texts=texts, options=load.options)
    try:
        response = await stub.Translate(request, timeout=load.timeout_s)
        best = [result.hypotheses[0] for result in response.results]
        num_tokens = sum(each.num_target_tokens for each in best)
    except grpc.aio.AioRpcError:
        num_tokens = 0
    return Call(due, time.perf_counter() - due, num_tokens)


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[pb_grpc.TranslationServiceStub]:
    """A stub whose channel is connected, and which does not ask twice."""
    options = dict(channel_options(address)) | {"grpc.enable_retries": 0}
    async with grpc.aio.insecure_channel(address, list(options.items())) as channel:
        await channel.channel_ready()
        yield pb_grpc.TranslationServiceStub(channel)
