"""Five times more calls than can be answered: those that are taken must not suffer."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from statistics import quantiles

import grpc
import grpc.aio

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .target import RETRIES_OFF, Target, Unfit, arrivals

CALLERS = 64
"""That measure the capacity, each waiting for its answer."""


@dataclass
class Outcome:
    """Of a time in which calls were sent; seconds each."""

    seconds: float = 0.0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    """Calls that were neither answered nor refused, by what they were told."""
    in_time: int = 0
    """Answers that came before the time was over."""

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return round(self.in_time / self.seconds, 1)

    def close(self, seconds: float) -> None:
        """The time is over; what is still under way comes too late."""
        self.seconds = seconds
        self.in_time = len(self.answered)


def p99_ms(seconds: Sequence[float]) -> float:
    if len(seconds) < 2:
        return 0.0
    return round(quantiles(seconds, n=100, method="inclusive")[98] * 1000, 1)


class Caller:
    """Sends single texts, and notes what comes of each."""

    def __init__(self, channel: grpc.aio.Channel, texts: list[str], beam: int) -> None:
        self._stub = pb_grpc.TranslationServiceStub(channel)
        self._texts = cycle(texts)
        self._options = pb.TranslateOptions(beam_size=beam, truncate_source=True)

    async def call(self, outcome: Outcome) -> None:
        request = pb.TranslateRequest(texts=[next(self._texts)], options=self._options)
        began = time.perf_counter()
        try:
            await self._stub.Translate(request, timeout=120)
        except grpc.aio.AioRpcError as error:
            taken = time.perf_counter() - began
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                outcome.refused.append(taken)
            else:
                outcome.failed[f"{error.code().name}: {error.details()}"] += 1
        else:
            outcome.answered.append(time.perf_counter() - began)

    async def closed(self, callers: int, seconds: float) -> Outcome:
        """So many at once, each asking again when it has its answer."""
        outcome = Outcome()
        began = time.perf_counter()

        async def one() -> None:
            while time.perf_counter() - began < seconds:
                await self.call(outcome)

        await asyncio.gather(*(one() for _ in range(callers)))
        outcome.close(time.perf_counter() - began)
        return outcome

    async def open(self, rate: float, seconds: float, seed: int) -> Outcome:
        """So many a second on average, whatever becomes of them."""
        outcome = Outcome()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            async for _ in arrivals(rate, seconds, seed):
                group.create_task(self.call(outcome))
            outcome.close(time.perf_counter() - began)
        return outcome


async def overload(
    server: Target, texts: list[str], beam: int, seconds: float, times: float
) -> dict[str, object]:
    async with grpc.aio.insecure_channel(server.address, RETRIES_OFF) as channel:
        caller = Caller(channel, texts, beam)
        await caller.closed(CALLERS, 2)  # what grows with it, grows now
        capacity = await caller.closed(CALLERS, seconds / 4)
        calm = await caller.open(capacity.goodput / 4, seconds / 4, seed=1)
        crowd = await caller.open(capacity.goodput * times, seconds, seed=2)
        idle = server.wait_until_idle(30)
        after = await caller.open(capacity.goodput / 4, 5, seed=3)
    failed = sum((each.failed for each in (capacity, calm, crowd, after)), Counter())
    if failed:
        often = dict(failed.most_common(3))
        raise Unfit(
            f"{failed.total()} calls were neither answered nor refused: {often}"
        )
    return {
        "capacity_a_second": capacity.goodput,
        "offered_a_second": round(capacity.goodput * times, 1),
        "answered_a_second": crowd.goodput,
        "share_of_capacity": round(crowd.goodput / capacity.goodput, 3),
        "refused": len(crowd.refused),
        "p99_ms_of_answers_calm": p99_ms(calm.answered),
        "p99_ms_of_answers_in_the_crowd": p99_ms(crowd.answered),
        "p99_ms_of_refusals": p99_ms(crowd.refused),
        "p99_ms_of_answers_after": p99_ms(after.answered),
        "seconds_until_idle": idle,
    }
