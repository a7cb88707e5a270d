"""Runners that need no model."""

import threading
from collections.abc import Sequence

from onnxlate.search import FinishReason, Hypothesis
from onnxlate_serving.piece import Piece
from onnxlate_serving.request import Request
from onnxlate_serving.step import Step


class Echo:
    """Says one source token back per step, and keeps the steps."""

    def __init__(self) -> None:
        self.said: dict[Request, int] = {}
        self.steps: list[Step] = []
        self.resets = 0

    def run(self, step: Step) -> Sequence[Piece]:
        self.steps.append(step)
        return [self._say(request) for request in step.decode]

    def reset(self) -> None:
        self.resets += 1
        self.said.clear()

    def _say(self, request: Request) -> Piece:
        at = self.said[request] = self.said.get(request, -1) + 1
        tokens = request.source_ids[at : at + 1]
        if at < len(request.source_ids) - 1:
            return Piece(request, tokens)
        whole = Hypothesis(request.source_ids, 0.0, 0.0, FinishReason.EOS)
        return Piece(request, tokens, (whole,))


class Allergic(Echo):
    """Echoes, but breaks down on one token, with words nobody should see."""

    WORDS = "secret 13 at 0xdeadbeef"

    def __init__(self, token: int = 13) -> None:
        super().__init__()
        self._token = token

    def run(self, step: Step) -> Sequence[Piece]:
        if any(self._token in request.source_ids for request in step.decode):
            raise RuntimeError(self.WORDS)
        return super().run(step)


class Gated(Echo):
    """Echoes one step for every `go`, so that a test decides what is when."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Semaphore(0)

    def go(self, steps: int = 1) -> None:
        self._gate.release(steps)

    def run(self, step: Step) -> Sequence[Piece]:
        if not self._gate.acquire(timeout=10):
            raise TimeoutError("nobody said go")
        return super().run(step)


class LatelyAllergic(Allergic):
    """Bears the token for some steps before it breaks down."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def run(self, step: Step) -> Sequence[Piece]:
        bearable = all(self.said.get(each, -1) < self._after for each in step.decode)
        return Echo.run(self, step) if bearable else super().run(step)


class GatedLatelyAllergic(Gated):
    """Bears 13 for some steps, one for every `go`."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def run(self, step: Step) -> Sequence[Piece]:
        pieces = super().run(step)
        tired = (each for each in step.decode if 13 in each.source_ids)
        if any(self.said[each] >= self._after for each in tired):
            raise RuntimeError("13")
        return pieces


class GatedAllergic(Gated):
    """Breaks down on 13, one step for every `go`."""

    def run(self, step: Step) -> Sequence[Piece]:
        pieces = super().run(step)
        if any(13 in request.source_ids for request in step.decode):
            raise RuntimeError("13")
        return pieces
