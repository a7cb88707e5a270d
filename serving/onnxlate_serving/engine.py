"""Owns the requests in flight, and the one thread that decodes them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
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

    Everything mutable here belongs to the event loop, so there is nothing to lock.
    The thread is handed an immutable Step and hands back a batch of Pieces, in one
    call per step; between the two, session.run holds no interpreter lock and the
    loop converts, sends and receives.
    """

    def __init__(self, scheduler: Scheduler, runner: Runner, name: str = "") -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._outboxes: dict[Request, Outbox] = {}
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._thread = Thread(
            target=self._work, name=f"engine {name}".strip(), daemon=True
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self.dead = asyncio.Event()
        """Set when the thread has ended against our will; it does not come back."""
        self._turning = False  # whether a turn is due, or with the thread

    def start(self) -> None:
        """Starts the thread; to be called in the event loop that will do the asking."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Ends the thread after the step it is at; who still waits gets Unavailable."""
        if self._loop is None:
            return
        self._loop = None
        self._steps.put(None)
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
        self._scheduler.add(requests)
        outboxes = [Outbox(request) for request in requests]
        self._outboxes.update(zip(requests, outboxes, strict=True))
        self._turn_soon()
        try:
            yield outboxes
        finally:  # finished, failed or cancelled, all alike
            for request in requests:
                self._scheduler.finish(request)
                del self._outboxes[request]

    def _turn_soon(self) -> None:
        # Not at once: what else arrives in this pass of the loop joins the same step.
        if self._loop and not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        step = self._scheduler.schedule()
        self._turning = bool(step)
        if step:
            self._steps.put(step)

    def _work(self) -> None:
        """The thread: steps in, pieces out, until a None."""
        try:
            while step := self._steps.get():
                self._obey(step)
        except BaseException:  # or everyone would wait for ever, and health say SERVING
            log.exception("%s cannot go on", self._thread.name)
            self._report(self._die)

    def _obey(self, step: Step) -> None:
        try:
            pieces = self._runner.run(step)
        except Exception as cause:
            log.exception("a step with %d texts failed", len(step.decode))
            self._runner.reset()
            failure = ServerFailure("the model failed")
            failure.__cause__ = cause
            self._report(self._give_up, step, failure)
        else:
            self._report(self._publish, pieces)

    def _report(self, *call: object) -> None:
        if loop := self._loop:
            loop.call_soon_threadsafe(*call)  # type: ignore[arg-type]

    def _publish(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.hypotheses:
                self._scheduler.finish(piece.request)
        # First the next step, then the letters: the thread should not wait for them.
        self._turn()
        for piece in pieces:
            if outbox := self._outboxes.get(piece.request):  # else: hung up meanwhile
                outbox.put(piece)

    def _give_up(self, step: Step, failure: ServerFailure) -> None:
        for request in step.decode:
            self._scheduler.finish(request)
            if outbox := self._outboxes.get(request):
                outbox.fail(failure)
        self._turn()

    def _die(self) -> None:
        self._loop = None
        self.dead.set()
        self._fail_all()

    def _fail_all(self) -> None:
        for outbox in self._outboxes.values():
            outbox.fail(Unavailable("the server is stopping"))
