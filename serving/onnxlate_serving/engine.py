"""Owns the requests in flight, and the one thread that decodes them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Protocol

from onnxlate.errors import ServerFailure, Unavailable

from .outbox import Outbox
from .piece import Piece
from .request import Request
from .scheduler import Scheduler
from .step import Step

log = logging.getLogger(__name__)

STEP_LIMIT_S = 10.0
"""How long stopping waits for the step under way; most take milliseconds."""


class Runner(Protocol):
    """Decodes. Everything in it belongs to the engine's thread."""

    def run(self, step: Step) -> Sequence[Piece]:
        """One token for each request of `step.decode`; pieces where there is news."""

    def reset(self) -> None:
        """Forgets every request, after `run` has failed half-way."""


class Engine:
    """Continuous batching between an event loop and a thread.

    The thread decides its own next step, so that it need not wait for the loop to wake
    up: at 0.2 ms a step, two of those would double it. The loop hears of a step only
    if there are pieces, all of them in one call. What both touch is the scheduler, and
    a lock guards it for microseconds; everything else belongs to the loop. While
    session.run holds no interpreter lock, the loop converts, sends and receives.
    """

    def __init__(self, scheduler: Scheduler, runner: Runner, name: str = "") -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._changed = Condition()  # its lock guards the scheduler and _running
        self._running = False
        self._outboxes: dict[Request, Outbox] = {}
        self._load = 0
        self._thread = Thread(
            target=self._work, name=f"engine {name}".strip(), daemon=True
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self.dead = asyncio.Event()
        """Set when the thread has ended against our will; it does not come back."""

    @property
    def load(self) -> int:
        """Rows that are taken or waited for."""
        return self._load

    def start(self) -> None:
        """Starts the thread; to be called in the event loop that will do the asking."""
        self._loop = asyncio.get_running_loop()
        self._running = True
        self._thread.start()

    async def stop(self) -> None:
        """Ends the thread after the step it is at; who still waits gets Unavailable."""
        if self._loop is None:
            return
        self._loop = None
        with self._changed:
            self._running = False
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, STEP_LIMIT_S)
        if self._thread.is_alive():
            log.error("%s hangs and is left behind", self._thread.name)
        self._fail_all()

    @contextmanager
    def decoding(self, requests: Sequence[Request]) -> Iterator[list[Outbox]]:
        """Takes the requests of one call; leaving frees their rows at the next step.

        Raises what Scheduler.add raises, and Unavailable when stopped.
        """
        if self._loop is None:
            raise Unavailable("the server is stopping")
        outboxes = [Outbox(request) for request in requests]
        num_rows = sum(request.num_rows for request in requests)
        self._load += num_rows
        # Before the thread hears of them, or there would be nowhere to put answers.
        self._outboxes.update(zip(requests, outboxes, strict=True))
        try:
            with self._changed:
                self._scheduler.add(requests)
                self._changed.notify()
            yield outboxes
        finally:  # refused, finished, failed or cancelled, all alike
            with self._changed:
                for request in requests:
                    self._scheduler.finish(request)
            self._load -= num_rows
            for request in requests:
                del self._outboxes[request]

    def _work(self) -> None:
        """The thread: step after step, until it is stopped."""
        try:
            while step := self._next():
                self._obey(step)
        except BaseException:  # or everyone would wait for ever, and health say SERVING
            log.exception("%s cannot go on", self._thread.name)
            self._report(self._die)

    def _next(self) -> Step | None:
        """The next step, as soon as there is one; None at the end."""
        with self._changed:
            while self._running:
                if step := self._scheduler.schedule():
                    return step
                self._changed.wait()
        return None

    def _obey(self, step: Step) -> None:
        try:
            pieces = self._runner.run(step)
        except Exception as cause:
            log.exception("a step with %d texts failed", len(step.decode))
            self._runner.reset()
            failure = ServerFailure("the model failed")
            failure.__cause__ = cause
            self._finish(step.decode)
            self._report(self._give_up, step, failure)
            return
        if pieces:
            self._finish([each.request for each in pieces if each.hypotheses])
            self._report(self._publish, pieces)

    def _finish(self, requests: Sequence[Request]) -> None:
        with self._changed:
            for request in requests:
                self._scheduler.finish(request)

    def _report(self, *call: object) -> None:
        if loop := self._loop:
            loop.call_soon_threadsafe(*call)  # type: ignore[arg-type]

    def _publish(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if outbox := self._outboxes.get(piece.request):  # else: hung up meanwhile
                outbox.put(piece)

    def _give_up(self, step: Step, failure: ServerFailure) -> None:
        for request in step.decode:
            if outbox := self._outboxes.get(request):
                outbox.fail(failure)

    def _die(self) -> None:
        self._loop = None
        self.dead.set()
        self._fail_all()

    def _fail_all(self) -> None:
        for outbox in self._outboxes.values():
            outbox.fail(Unavailable("the server is stopping"))
