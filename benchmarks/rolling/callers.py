"""Who calls meanwhile: through Envoy and straight, answers and streams, sync and not.

Most callers that go through Envoy use gRPC's client as it is in any language out of the
box, without a retry policy and without health. Those that choose among servers
themselves use the client that ships.
"""

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import grpc

from onnxlate import AsyncClient, Client
from onnxlate.errors import OnnxlateError
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

TIMEOUT_S = 60.0


@dataclass(slots=True)
class Tally:
    """What became of the calls of one kind."""

    answered: int = 0
    longest_s: float = 0.0
    lost: list[str] = field(default_factory=list)


class Caller(ABC):
    """Calls one after the other until told to stop."""

    def __init__(self, expected: Mapping[str, str], start: int) -> None:
        """Begins with the text of that number."""
        self._texts = list(expected)
        self._expected = expected
        self._start = start
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)
        self.tally = Tally()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()

    def join(self) -> None:
        self._thread.join(2 * TIMEOUT_S)

    @abstractmethod
    def run(self) -> None:
        """In a thread of its own."""

    def texts(self) -> Iterator[str]:
        for number in count(self._start):
            if self._over.is_set():
                return
            yield self._texts[number % len(self._texts)]

    @contextmanager
    def one(self, text: str) -> Iterator[list[str]]:
        """A call: its answer is to be put into the list."""
        answers: list[str] = []
        began = time.monotonic()
        tally = self.tally
        try:
            yield answers
        except grpc.RpcError as error:
            tally.lost.append(f"{error.code().name}: {error.details()}")
            return
        except OnnxlateError as error:
            tally.lost.append(f"{type(error).__name__}: {error}")
            return
        tally.longest_s = max(tally.longest_s, time.monotonic() - began)
        tally.answered += 1
        if answers != [self._expected[text]]:
            tally.lost.append(f"{text!r} became {answers!r}")


Ask = Callable[[str], str]


class Plain(Caller):
    """Any function that asks for one text, in a loop."""

    def __init__(self, ask: Ask, expected: Mapping[str, str], start: int) -> None:
        super().__init__(expected, start)
        self._ask = ask

    def run(self) -> None:
        for text in self.texts():
            with self.one(text) as answers:
                answers.append(self._ask(text))


class Asynchronous(Caller):
    """`AsyncClient`, on an event loop of its own."""

    def __init__(self, address: str, expected: Mapping[str, str], start: int) -> None:
        super().__init__(expected, start)
        self._address = address

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with AsyncClient(self._address, timeout_s=TIMEOUT_S) as client:
            for text in self.texts():
                with self.one(text) as answers:
                    answers += [each.text for each in await client.translate([text])]


def translates(client: Client) -> Ask:
    return lambda text: client.translate([text])[0].text


def streams(client: Client) -> Ask:
    return lambda text: "".join(client.stream(text))


class Bare:
    """gRPC and the stubs, without a retry policy: an error is an error.

    What gRPC itself sends again is what a connection had no place for any more when its
    other end asked for another one, so that it was never looked at.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = pb_grpc.TranslationServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def translate(self, text: str) -> str:
        request = pb.TranslateRequest(texts=[text])
        response = self._stub.Translate(request, timeout=TIMEOUT_S)
        return str(response.results[0].hypotheses[0].text)

    def stream(self, text: str) -> str:
        request = pb.TranslateStreamRequest(text=text)
        pieces = self._stub.TranslateStream(request, timeout=TIMEOUT_S)
        return "".join(piece.piece for piece in pieces)
