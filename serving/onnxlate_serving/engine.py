"""Owns the requests in flight, and the one thread that decodes them."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import Protocol

from onnxlate.errors import DeadlineExceeded, ServerFailure, Unavailable

from .bell import Bell
from .caller import ANYBODY, Caller
from .outbox import Outbox
from .piece import Piece
from .request import Request
from .scheduler import Scheduler
from .step import Step
from .turns import Turns

log = logging.getLogger(__name__)

STEP_LIMIT_S = 10.0
"""How long stopping waits for the step under way; most take milliseconds."""


class Runner(Protocol):
    """Decodes. Everything in it belongs to the engine's thread."""

    def run(self, step: Step) -> Sequence[Piece]:
        """One token for each request of `step.decode`; pieces where there is news."""

    def reset(self) -> None:
        """Forgets every request, after `run` has failed half-way."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """What an engine is at, and what it has done so far."""

    waiting_texts: int
    waiting_tokens: int
    rows_in_use: int
    max_rows: int
    steps: int
    decoded_rows: int
    """Of all steps together."""
    failed_steps: int


class Engine:
    """Continuous batching between an event loop and a thread.

    The thread decides its own next step, so that it need not wait for the loop to wake
    up: at 0.2 ms a step, two of those would double it. The loop hears of a step only
    if there are pieces, all of them in one call. What both touch is the scheduler, and
    a lock guards it for microseconds; everything else belongs to the loop. While
    session.run holds no interpreter lock, the loop converts, sends and receives.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        name: str = "",
        probe: Request | None = None,
        bell: Bell | None = None,
    ) -> None:
        """`probe` is a request that a sound runner answers; asked after a failure.
        `bell` rings when somebody comes or goes, for a runner that listens."""
        self._scheduler = scheduler
        self._runner = runner
        self._probe = probe
        self._bell = bell or Bell()
        self._step_began: float | None = None
        self._joined: dict[Request, float] = {}
        self._turns = Turns()
        self._steps = self._decoded_rows = self._failed_steps = 0
        self._changed = Condition()  # its lock guards the scheduler and _running
        self._running = False
        self._outboxes: dict[Request, Outbox] = {}
        self._reports: deque[Callable[[], None]] = deque()
        self._woken = False  # the loop, which has not come yet
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

    def state(self) -> EngineState:
        with self._changed:
            return EngineState(
                waiting_texts=self._scheduler.num_waiting,
                waiting_tokens=self._scheduler.num_waiting_tokens,
                rows_in_use=self._scheduler.num_rows,
                max_rows=self._scheduler.max_rows,
                steps=self._steps,
                decoded_rows=self._decoded_rows,
                failed_steps=self._failed_steps,
            )

    @property
    def seconds_at_step(self) -> float:
        """How long the step under way has taken; 0 between steps."""
        began = self._step_began
        return 0.0 if began is None else time.monotonic() - began

    def abandon(self) -> None:
        """Gives the thread up, as if it had died: it hangs, and cannot be helped."""
        log.error("%s hangs and is given up", self._thread.name)
        self._end()  # if it does not, or not for ever, it has no more to do
        self._die()

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
        self._end()
        await asyncio.to_thread(self._thread.join, STEP_LIMIT_S)
        if self._thread.is_alive():
            log.error("%s hangs and is left behind", self._thread.name)
        self._fail_all()

    def _end(self) -> None:
        """Has the thread end after the step it is at."""
        with self._changed:
            self._running = False
            self._bell.ring()
            self._changed.notify()

    def check_room(self, caller: Caller = ANYBODY) -> None:
        """Raises Overloaded if no call of this caller would be taken now."""
        with self._changed:
            self._scheduler.check_room(caller.name, self._turns.seconds_a_token)

    @contextmanager
    def decoding(
        self, requests: Sequence[Request], caller: Caller = ANYBODY
    ) -> Iterator[list[Outbox]]:
        """Takes the requests of one call; leaving frees their rows at the next step.

        Raises what Scheduler.add raises, DeadlineExceeded if the caller's time will
        be up before a row is free, and Unavailable when stopped.
        """
        if self._loop is None:
            raise Unavailable("the server is stopping")
        self._check_deadline(caller)
        outboxes = [Outbox(request) for request in requests]
        num_rows = sum(request.num_rows for request in requests)
        self._load += num_rows
        # Before the thread hears of them, or there would be nowhere to put answers.
        self._outboxes.update(zip(requests, outboxes, strict=True))
        try:
            with self._changed:
                self._scheduler.add(requests, caller.name, self._turns.seconds_a_token)
                if self._scheduler.may_join:
                    self._bell.ring()
                self._changed.notify()
            yield outboxes
        finally:  # refused, finished, failed or cancelled, all alike
            with self._changed:
                for request in requests:
                    if self._scheduler.finish(request):  # a row is free sooner
                        self._bell.ring()
                    self._joined.pop(request, None)
            self._load -= num_rows
            for request in requests:
                del self._outboxes[request]

    def _check_deadline(self, caller: Caller) -> None:
        """Refuses at once who would only wait in vain, and make others wait; by
        Overloaded where there is no room anyway, after which clients ask once more."""
        seconds_left = caller.seconds_left
        if seconds_left is None:
            return
        with self._changed:
            if not self._scheduler.num_waiting and seconds_left >= 0:
                return  # its turn is next
            self._scheduler.check_room(caller.name, self._turns.seconds_a_token)
            turns = self._scheduler.turns_ahead(caller.name)
        if (seconds := turns * self._turns.seconds) > seconds_left:
            raise DeadlineExceeded(
                f"its turn would come in about {seconds:.1f} s, and the call's time "
                f"is up in {seconds_left:.1f} s"
            )

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
                self._bell.silence()  # whoever has come until now is in the step
                if step := self._scheduler.schedule():
                    now = time.monotonic()
                    self._joined.update(dict.fromkeys(step.encode, now))
                    self._steps += 1
                    self._decoded_rows += self._scheduler.num_rows
                    return step
                self._changed.wait()
        return None

    def _obey(self, step: Step) -> None:
        try:
            pieces = self._run(step)
        except Exception as cause:
            log.exception("a step with %d texts failed", len(step.decode))
            self._failed_steps += 1
            self._runner.reset()
            if len(step.decode) > 1:
                self._part(step)
            else:
                self._give_up(step, cause)
            return
        if pieces:
            finished = [each.request for each in pieces if each.hypotheses]
            self._finish(finished)
            self._remember(finished)
            self._report(self._publish, pieces)

    def _run(self, step: Step) -> Sequence[Piece]:
        self._step_began = time.monotonic()
        try:
            return self._runner.run(step)
        finally:
            self._step_began = None
            if self._bell.further_steps:
                self._count_further(step)

    def _count_further(self, step: Step) -> None:
        further, self._bell.further_steps = self._bell.further_steps, 0
        self._steps += further
        self._decoded_rows += further * sum(each.num_rows for each in step.decode)

    def _part(self, step: Step) -> None:
        """One text's fault is not its neighbours': who is to blame will turn out."""
        with self._changed:
            self._scheduler.part(step.decode)
        self._report(self._begin_again, step)

    def _give_up(self, step: Step, cause: Exception) -> None:
        """Fails the one text of a step; raises if no other would fare better."""
        failure = ServerFailure("the model failed")
        failure.__cause__ = cause
        self._finish(step.decode)
        self._report(self._fail, step, failure)
        if self._probe:
            self._run(Step(encode=(self._probe,), decode=(self._probe,)))
            self._runner.reset()

    def _finish(self, requests: Sequence[Request]) -> None:
        with self._changed:
            for request in requests:
                self._scheduler.finish(request)

    def _remember(self, finished: Sequence[Request]) -> None:
        """How long rows were taken."""
        now = time.monotonic()
        for request in finished:
            if joined := self._joined.get(request):
                self._turns.note(now - joined, len(request.source_ids))

    def _report(self, call: Callable[..., None], *args: object) -> None:
        """Has the loop call it, after all that was reported before."""
        if (loop := self._loop) is None:
            return
        self._reports.append(partial(call, *args))
        if not self._woken:
            self._woken = True
            loop.call_soon_threadsafe(self._listen)

    def _listen(self) -> None:
        self._woken = False  # what is reported from here on wakes it again
        for _ in range(len(self._reports)):
            report = self._reports.popleft()
            try:
                report()
            except Exception:  # others wait for what comes behind it
                log.exception("a report of %s is lost", self._thread.name)

    def _publish(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if outbox := self._outboxes.get(piece.request):  # else: hung up meanwhile
                outbox.put(piece)

    def _begin_again(self, step: Step) -> None:
        for request in step.decode:
            if outbox := self._outboxes.get(request):
                outbox.begin_again()

    def _fail(self, step: Step, failure: ServerFailure) -> None:
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
