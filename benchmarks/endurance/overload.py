"""Five times more calls than can be answered: those that are taken must not suffer."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from random import Random
from statistics import fmean, quantiles

import grpc

from onnxlate.v1 import translation_pb2 as pb

from ..cpu_time import of_machine, of_process
from .crowd import Crowd
from .target import Target, Unfit, arrivals

TRANSLATE = "/onnxlate.v1.TranslationService/Translate"

CALLERS = 64
"""That measure the capacity, each waiting for its answer; with beams so wide that few
of them have rows, fewer."""

LINE = 3
"""Callers that wait for each that has rows, so that rows are never free."""

SEED = 1
"""Of the order in which texts are sent."""

PAUSE_S = 0.05
"""Of those callers, after a refusal."""

OK, REFUSED = (
    code.value[0] for code in (grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED)
)


@dataclass
class Outcome:
    """Of a time in which calls were sent; seconds each."""

    seconds: float = 0.0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)
    """Calls that were neither answered nor refused, by what they were told."""
    in_time: int = 0
    """Answers that came before the time was over."""

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return round(self.in_time / self.seconds, 1)

    def note(self, call: asyncio.Future[int], began: float) -> None:
        """A call that is over."""
        if call.cancelled() or call.exception():
            return  # the connection broke, as whoever waits for the call hears
        taken, status = time.perf_counter() - began, call.result()
        if status == OK:
            self.answered.append(taken)
        elif status == REFUSED:
            self.refused.append(taken)
        else:
            self.failed[status] += 1

    def close(self, seconds: float) -> None:
        """The time is over; what is still under way comes too late."""
        self.seconds = seconds
        self.in_time = len(self.answered)


def p99_ms(seconds: Sequence[float]) -> float:
    if len(seconds) < 2:
        return 0.0
    return round(quantiles(seconds, n=100, method="inclusive")[98] * 1000, 1)


class Callers:
    """Send single texts, and note what comes of each."""

    def __init__(self, crowd: Crowd, texts: list[str], beam: int) -> None:
        options = pb.TranslateOptions(beam_size=beam, truncate_source=True)
        requests = [pb.TranslateRequest(texts=[t], options=options) for t in texts]
        messages = [each.SerializeToString() for each in requests]
        # Else a time would have a part of the text, of other lengths than another part.
        Random(SEED).shuffle(messages)
        self._messages = cycle(messages)
        self._crowd = crowd

    def call(self, outcome: Outcome) -> asyncio.Future[int]:
        call = self._crowd.call(next(self._messages))
        call.add_done_callback(partial(outcome.note, began=time.perf_counter()))
        return call

    async def closed(self, callers: int, seconds: float) -> Outcome:
        """So many at once, each asking again when it has its answer."""
        outcome = Outcome()
        began = time.perf_counter()

        async def one() -> None:
            while time.perf_counter() - began < seconds:
                if await self.call(outcome) == REFUSED:
                    await asyncio.sleep(PAUSE_S)  # or refusals would be all there is

        await asyncio.gather(*(one() for _ in range(callers)))
        outcome.close(time.perf_counter() - began)
        return outcome

    async def open(self, rate: float, seconds: float, seed: int) -> Outcome:
        """So many a second on average, whatever becomes of them."""
        outcome = Outcome()
        began = time.perf_counter()
        calls = [self.call(outcome) async for _ in arrivals(rate, seconds, seed)]
        outcome.close(time.perf_counter() - began)
        await asyncio.gather(*calls)
        return outcome


class Cores:
    """CPU seconds a second from now on: of the server, of us, and of all others."""

    def __init__(self, server: Target) -> None:
        self._server = server
        self._began, self._before = time.perf_counter(), self._spent()

    def used(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._began
        pairs = zip(self._spent(), self._before, strict=True)
        server, ours, all_ = ((now - before) / seconds for now, before in pairs)
        return {
            "cores_of_the_server": round(server, 2),
            "cores_of_the_callers": round(ours, 2),
            "cores_of_all_others": round(max(0.0, all_ - server - ours), 2),
        }

    def _spent(self) -> tuple[float, float, float]:
        return of_process(self._server.pid), of_process(), of_machine()


async def overload(
    server: Target, texts: list[str], beam: int, seconds: float, times: float
) -> dict[str, float]:
    crowd = await Crowd.meet(server.address, TRANSLATE)
    try:
        callers = Callers(crowd, texts, beam)
        rows = await asyncio.to_thread(server.value, "onnxlate_max_rows")
        most = max(1, min(CALLERS, (1 + LINE) * int(rows) // beam))
        await callers.closed(most, 2)  # what grows with it, grows now
        before = await callers.closed(most, seconds / 4)
        calm = await callers.open(before.goodput / 4, seconds / 4, seed=1)
        cores = Cores(server)
        many = await callers.open(before.goodput * times, seconds, seed=2)
        used = cores.used()
        idle = await asyncio.to_thread(server.wait_until_idle, 30)
        after = await callers.open(before.goodput / 4, 5, seed=3)
        # Whatever slows the machine down in the crowd shall show in the capacity too.
        again = await callers.closed(most, seconds / 4)
    finally:
        crowd.close()
    phases = (before, calm, many, after, again)
    failed = sum((each.failed for each in phases), Counter())
    if failed:
        raise Unfit(
            f"{failed.total()} calls were neither answered nor refused, by the number "
            f"of their status: {dict(failed.most_common(3))}"
        )
    capacity = fmean((before.goodput, again.goodput))
    return {
        "capacity_a_second": round(capacity, 1),
        "capacity_before": before.goodput,
        "capacity_afterwards": again.goodput,
        "refused_of_those_who_measured_it": len(before.refused) + len(again.refused),
        "offered_a_second": round(before.goodput * times, 1),
        "answered_a_second": many.goodput,
        "share_of_capacity": round(many.goodput / capacity, 3),
        "refused": len(many.refused),
        "p99_ms_of_answers_calm": p99_ms(calm.answered),
        "p99_ms_of_answers_in_the_crowd": p99_ms(many.answered),
        "p99_ms_of_refusals": p99_ms(many.refused),
        "p99_ms_of_answers_after": p99_ms(after.answered),
        "seconds_until_idle": idle,
        **used,
    }
