"""A long time of everything at once: nothing may grow, and nothing may go wrong."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import grpc
import grpc.aio

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .fuzz import OUR_FAULT, WARM_UP, mutated, sample, send
from .overload import p99_ms
from .target import RETRIES_OFF, Target, Unfit, arrivals, require_flat

OPTIONS = (
    pb.TranslateOptions(truncate_source=True),
    pb.TranslateOptions(truncate_source=True, beam_size=1),
    pb.TranslateOptions(truncate_source=True, beam_size=2, num_hypotheses=2),
    pb.TranslateOptions(truncate_source=True, beam_size=1, max_target_tokens=3),
    pb.TranslateOptions(truncate_source=True, beam_size=3, length_penalty=0.5),
)

REFUSALS = {grpc.StatusCode.RESOURCE_EXHAUSTED}
"""What a sound call may meet in a crowd."""

CHANNELS = 8

LOOK_EVERY_S = 5.0

Pieces = grpc.aio.UnaryStreamCall[pb.TranslateStreamRequest, pb.TranslateStreamResponse]


@dataclass
class Diary:
    """What came of the calls."""

    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    answers: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """Text and options, by number -> what was answered first."""
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """Of sound calls: when each began, and how long it took."""


class Crowd:
    """Calls of every kind, in random order."""

    def __init__(self, server: Target, texts: list[str], seed: int) -> None:
        self._server = server
        self._texts = texts
        self._random = Random(seed)
        self._began = time.monotonic()
        self._channels: list[grpc.aio.Channel] = []
        self.diary = Diary()

    async def one(self) -> None:
        """One call, whatever it is."""
        kinds: list[tuple[int, Callable[[grpc.aio.Channel], Awaitable[None]]]] = [
            (8, self._translate),
            (3, self._stream),
            (2, self._leave_a_stream),
            (2, self._hurry),
            (3, self._break),
        ]
        weights, calls = zip(*kinds, strict=True)
        [call] = self._random.choices(calls, weights)
        name = call.__name__.strip("_").replace("_", " ")
        channel = await self._channel()
        try:
            await call(channel)
            status = "OK"
        except grpc.aio.AioRpcError as error:
            status = error.code().name
            sound = call in (self._translate, self._stream)
            if status in OUR_FAULT or (sound and error.code() not in REFUSALS):
                self.diary.wrong.append(f"{name}: {status}: {error.details()}")
        self.diary.kinds[name] += 1
        self.diary.statuses[status] += 1

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close(None)

    async def _channel(self) -> grpc.aio.Channel:
        """A connection, mostly one that is there; now and then an old one goes."""
        if len(self._channels) < CHANNELS:
            self._channels.append(self._connected())
        elif self._random.random() < 0.01:
            old = self._channels.pop(0)
            self._channels.append(self._connected())
            # What is under way on it may finish.
            await old.close(grace=60)
        return self._random.choice(self._channels)

    def _connected(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._server.address, RETRIES_OFF)

    def _asked(self) -> tuple[int, int]:
        """Numbers of a text and of options."""
        return (
            self._random.randrange(len(self._texts)),
            self._random.randrange(len(OPTIONS)),
        )

    async def _translate(self, channel: grpc.aio.Channel) -> None:
        number, how = self._asked()
        company = self._random.choices(range(len(self._texts)), k=2)
        numbers = [number, *company[: self._random.choice((0, 0, 0, 1, 2))]]
        request = pb.TranslateRequest(
            texts=[self._texts[each] for each in numbers], options=OPTIONS[how]
        )
        began = time.monotonic()
        answer = await pb_grpc.TranslationServiceStub(channel).Translate(
            request, timeout=60
        )
        self._note(began)
        for each, result in zip(numbers, answer.results, strict=True):
            said = tuple(hypothesis.text for hypothesis in result.hypotheses)
            self._compare((each, how), said)

    async def _stream(self, channel: grpc.aio.Channel) -> None:
        number, _ = self._asked()
        began = time.monotonic()
        pieces = [each async for each in self._opened(channel, number)]
        self._note(began)
        self._compare((number, -1), ("".join(each.piece for each in pieces),))

    async def _leave_a_stream(self, channel: grpc.aio.Channel) -> None:
        number, _ = self._asked()
        patience = self._random.random() * 0.1
        call = self._opened(channel, number)
        try:
            async with asyncio.timeout(patience):
                async for _ in call:
                    pass
        except TimeoutError:
            call.cancel()

    async def _hurry(self, channel: grpc.aio.Channel) -> None:
        number, how = self._asked()
        request = pb.TranslateRequest(texts=[self._texts[number]], options=OPTIONS[how])
        await pb_grpc.TranslationServiceStub(channel).Translate(
            request, timeout=self._random.random() * 0.05 + 0.001
        )

    async def _break(self, channel: grpc.aio.Channel) -> None:
        method, message = sample(self._random)
        request = mutated(self._random, message.SerializeToString())
        await send(channel, method, request)

    def _opened(self, channel: grpc.aio.Channel, number: int) -> Pieces:
        request = pb.TranslateStreamRequest(
            text=self._texts[number], options=pb.TranslateOptions(truncate_source=True)
        )
        stub = pb_grpc.TranslationServiceStub(channel)
        call: Pieces = stub.TranslateStream(request, timeout=60)
        return call

    def _note(self, began: float) -> None:
        now = time.monotonic()
        self.diary.seconds.append((began - self._began, now - began))

    def _compare(self, asked: tuple[int, int], said: tuple[str, ...]) -> None:
        if self.diary.answers.setdefault(asked, said) != said:
            self.diary.wrong.append(f"another answer than before to text {asked[0]}")


async def soak(
    server: Target, texts: list[str], seconds: float, rate: float, seed: int
) -> dict[str, object]:
    """So many calls a second, for so long; raises Unfit for all that went wrong."""
    crowd = Crowd(server, texts, seed)
    looks: list[tuple[float, int]] = []
    next_look = time.monotonic() + seconds * WARM_UP
    async with asyncio.TaskGroup() as group:
        async for _ in arrivals(rate, seconds, seed):
            group.create_task(crowd.one())
            if time.monotonic() > next_look:
                looks.append((server.resident_mb, _open_files(server.pid)))
                next_look += LOOK_EVERY_S
    await crowd.close()
    idle = server.wait_until_idle()
    looks.append((server.resident_mb, _open_files(server.pid)))
    diary = crowd.diary
    resident = [megabytes for megabytes, _ in looks]
    if diary.wrong:
        raise Unfit(f"{len(diary.wrong)} calls went wrong, as {diary.wrong[0]}")
    require_flat(resident)
    first, last = seconds * WARM_UP, seconds * (1 - WARM_UP)
    return {
        "seconds": seconds,
        "calls": sum(diary.statuses.values()),
        "kinds": dict(diary.kinds.most_common()),
        "statuses": dict(diary.statuses.most_common()),
        "p99_ms_in_the_first_fifth": p99_ms(
            [took for at, took in diary.seconds if at < first]
        ),
        "p99_ms_in_the_last_fifth": p99_ms(
            [took for at, took in diary.seconds if at > last]
        ),
        "resident_mb_after_a_fifth": resident[0],
        "resident_mb_at_most": max(resident),
        "resident_mb_at_the_end": resident[-1],
        "open_files_at_most": max(files for _, files in looks),
        "open_files_at_the_end": looks[-1][1],
        "seconds_until_idle": idle,
    }


def _open_files(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
