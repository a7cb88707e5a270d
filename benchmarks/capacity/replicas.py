"""Real servers, one core each, and callers who go from one to the next."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Self

from onnxlate.local_server import ServerProcess
from onnxlate.v1 import translation_pb2 as pb

from ..cores import on_cores
from ..cpu_time import of_process, of_threads
from ..endurance.crowd import Crowd
from ..endurance.overload import OK, TRANSLATE
from ..endurance.target import Target, command, free_port
from .simulation import Wait


@contextmanager
def replicas(bundle: Path, cores: Sequence[int]) -> Iterator[list[Target]]:
    """A server for each of those cores, and on no other."""
    with ExitStack() as stack:
        yield [stack.enter_context(_replica(bundle, core)) for core in cores]


@contextmanager
def _replica(bundle: Path, core: int) -> Iterator[Target]:
    metrics = f"127.0.0.1:{free_port()}"
    places = ("--listen", "127.0.0.1:0", "--metrics", metrics)
    alike = ("--max-cached", "0", "--workers", "1", "--threads", "1")
    program = command(bundle, *places, *alike, "--announce-seconds", "0")
    with ExitStack() as stack:
        with on_cores([core]):  # which a child inherits
            server = stack.enter_context(ServerProcess(program))
        yield Target(server.pid, server.address, metrics)


@dataclass(frozen=True, slots=True)
class Spent:
    """Since the start, by all replicas; or, as a difference, in a while."""

    seconds: float
    cpu: float
    engines_cpu: float
    """Of it, in the threads that decode."""

    steps: float
    rows: float
    callers_cpu: float

    @classmethod
    def by(cls, targets: Sequence[Target]) -> Self:
        return cls(
            seconds=time.perf_counter(),
            cpu=sum(of_process(each.pid) for each in targets),
            engines_cpu=sum(_engine(each.pid) for each in targets),
            steps=sum(each.value("onnxlate_steps_total") for each in targets),
            rows=sum(each.value("onnxlate_decoded_rows_total") for each in targets),
            callers_cpu=time.process_time(),
        )

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            self.seconds - before.seconds,
            self.cpu - before.cpu,
            self.engines_cpu - before.engines_cpu,
            self.steps - before.steps,
            self.rows - before.rows,
            self.callers_cpu - before.callers_cpu,
        )


def _engine(pid: int) -> float:
    """Of the thread that decodes: the one that has worked most, beside the loop's."""
    return max(
        (seconds for thread, seconds in of_threads(pid).items() if thread != pid),
        default=0.0,
    )


class Callers:
    """Single texts, each to the next of the servers."""

    def __init__(
        self, targets: Sequence[Target], texts: Sequence[str], beam_size: int
    ) -> None:
        self._targets = targets
        self.bytes_moved = self.calls = 0
        options = pb.TranslateOptions(beam_size=beam_size)
        requests = [pb.TranslateRequest(texts=[t], options=options) for t in texts]
        self._messages = [each.SerializeToString() for each in requests]

    def open_loop(self, arrivals: Sequence[float]) -> list[Wait]:
        """Calls when they are due; call n is text n, the first again after the last."""
        return asyncio.run(self._open_loop(arrivals))

    def closed_loop(self, callers: int, seconds: float) -> int:
        """So many callers, each with one call at a time; how many calls it were."""
        return asyncio.run(self._closed_loop(callers, seconds))

    async def _open_loop(self, arrivals: Sequence[float]) -> list[Wait]:
        waits: list[Wait] = [None] * len(arrivals)
        crowds = await self._meet()
        began = time.perf_counter()

        def note(number: int, call: asyncio.Future[int]) -> None:
            if call.result() == OK:
                waits[number] = time.perf_counter() - began - arrivals[number]

        calls = []
        turns = zip(arrivals, cycle(crowds), cycle(self._messages), strict=False)
        for number, (due, crowd, message) in enumerate(turns):
            # Zero when late: answers must be heard all the same.
            await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
            call = crowd.call(message)
            call.add_done_callback(partial(note, number))
            calls.append(call)
        await asyncio.gather(*calls)
        self._leave(crowds, len(calls))
        return waits

    async def _closed_loop(self, callers: int, seconds: float) -> int:
        crowds = await self._meet()
        turns = cycle(crowds)
        messages = cycle(self._messages)
        ended = time.perf_counter() + seconds
        count = 0

        async def one() -> None:
            nonlocal count
            while time.perf_counter() < ended:
                await next(turns).call(next(messages))
                count += 1

        await asyncio.gather(*(one() for _ in range(callers)))
        self._leave(crowds, count)
        return count

    async def _meet(self) -> list[Crowd]:
        return [await Crowd.meet(each.address, TRANSLATE) for each in self._targets]

    def _leave(self, crowds: Sequence[Crowd], calls: int) -> None:
        self.calls += calls
        for crowd in crowds:
            self.bytes_moved += crowd.bytes_moved
            crowd.close()
