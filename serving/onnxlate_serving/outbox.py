"""Where the pieces of one request wait for whoever asked for them."""

import asyncio

from onnxlate.errors import OnnxlateError
from onnxlate.search import Hypothesis

from .piece import Piece
from .request import Request


class Outbox:
    """Holds one piece at most: what arrives before it is fetched is joined to it.

    A reader who falls behind thus gets larger pieces instead of a longer queue, and
    the engine never waits for anyone.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._tokens: list[int] = []
        self._hypotheses: tuple[Hypothesis, ...] = ()
        self._failure: OnnxlateError | None = None
        self._arrived = False
        self._reader: asyncio.Future[None] | None = None
        self._num_put = 0
        self._num_known = 0

    def put(self, piece: Piece) -> None:
        if piece.tokens:
            self._tokens += piece.tokens[self._num_known :]
            self._num_known = max(0, self._num_known - len(piece.tokens))
            self._num_put += len(piece.tokens)
        self._hypotheses = piece.hypotheses
        self._arrive()

    def begin_again(self) -> None:
        """The tokens put so far will be put once more, and are not said twice; nor are
        those that were to come again from before, and did not."""
        self._num_known += self._num_put
        self._num_put = 0

    def fail(self, failure: OnnxlateError) -> None:
        self._failure = failure
        self._arrive()

    def _arrive(self) -> None:
        self._arrived = True
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Piece:
        """What has arrived since the last call; waits if nothing has.

        Raises what `fail` was given.
        """
        await self._arrival()
        piece = Piece(self._request, tuple(self._tokens), self._hypotheses)
        self._tokens.clear()
        return piece

    async def outcome(self) -> tuple[Hypothesis, ...]:
        """The hypotheses, when the search is over."""
        while True:
            await self._arrival()
            if self._hypotheses:
                return self._hypotheses

    async def _arrival(self) -> None:
        if not self._arrived:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self._arrived = False
        if self._failure:
            raise self._failure
