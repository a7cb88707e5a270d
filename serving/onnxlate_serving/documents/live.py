"""A sentence that is being translated while those before it are read."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from itertools import count

from onnxlate.errors import Overloaded

from ..caller import Caller
from ..layer import Layer
from ..options import TranslateOptions
from ..patience import pause
from ..translation import Translation
from .characters import AS_SPACES
from .gaps import STOPS, fitted, kept_places
from .parts import Part


class Live:
    """Takes pieces as they come and keeps them until somebody reads on.

    What waits here is one sentence at most, in one string.
    """

    def __init__(
        self,
        layer: Layer,
        part: Part,
        options: TranslateOptions,
        caller: Caller,
        admitted: bool,
    ) -> None:
        """Starts at once; `admitted` as in crowd.py."""
        self._layer, self._part = layer, part
        self._options, self._caller = options, caller
        self._waiting = ""
        self._begun = False
        self._translation: Translation | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(admitted))
        self._task.add_done_callback(self._over)

    async def pieces(self) -> AsyncGenerator[str, None]:
        """What is said, as it stands in the whole; at once if there are gaps in it,
        since their places depend on the end.

        Raises what the layer raises.
        """
        said = held = ""
        while True:
            await self._news.wait()
            self._news.clear()
            over = self._task.done()
            new, self._waiting = held + self._waiting.translate(AS_SPACES), ""
            new = new if said else new.lstrip()
            sure = "" if self._part.gaps else _sure(new)
            held = new[len(sure) :]
            if over:
                answer = await self.translation()
                prefix = self._options.target_prefix or ""
                kept = kept_places(self._part, answer, 0, prefix)
                whole = fitted(answer.hypotheses[0].text, self._part, kept)
                yield whole.text[len(said) :]
                return
            if sure:
                said += sure
                yield sure

    async def translation(self) -> Translation:
        """The whole, when it is there."""
        await self._task
        assert self._translation is not None
        return self._translation

    def close(self) -> Awaitable[object]:
        """Frees the rows, if it has any still; they are free when it is awaited."""
        self._task.cancel()
        return asyncio.gather(self._task, return_exceptions=True)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._news.set()
        if not task.cancelled():
            task.exception()  # taken note of, should nobody wait for it any more

    async def _read(self, admitted: bool) -> None:
        for attempt in count():
            try:
                await self._read_once()
                return
            except Overloaded:
                # What has been said may have been read, and is not said twice.
                if self._begun or not admitted:
                    raise
            await pause(attempt)

    async def _read_once(self) -> None:
        pieces = self._layer.stream(self._part.text, self._options, self._caller)
        async with aclosing(pieces):
            async for piece in pieces:
                self._begun |= bool(piece.text)
                self._waiting += piece.text
                self._translation = piece.translation
                self._news.set()


def _sure(text: str) -> str:
    """Without what may go when the end is known: white space and a full stop."""
    end = len(text)
    while end and (text[end - 1].isspace() or text[end - 1] in STOPS):
        end -= 1
    return text[:end]
