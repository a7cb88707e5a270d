"""Many texts over one call: so many under way, answers as they come.

Who sends faster than we translate, or reads slower, waits: no more is read from the
call than there is room for, and gRPC's flow control holds back the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from onnxlate.errors import Unavailable

ROOM = 128
"""Texts of one call that are under way: enough that rows which become free are taken
up at once."""

Message = TypeVar("Message")
Response = TypeVar("Response")


class Bulk(Generic[Message, Response]):
    def __init__(
        self,
        answer: Callable[[Message], Awaitable[Response]],
        closing: asyncio.Event,
        room: int = ROOM,
    ) -> None:
        """After `closing`, nothing more is read, and what is under way is finished."""
        self._answer = answer
        self._closing = closing
        self._room = asyncio.Semaphore(room)
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: asyncio.Queue[Response | None] = asyncio.Queue()
        self._failure: BaseException | None = None
        self._ended = False
        """Whether no more is read."""

    async def responses(
        self, messages: AsyncIterator[Message]
    ) -> AsyncGenerator[Response, None]:
        """Raises what `answer` raises, and Unavailable if it ended before `messages`.

        Closing it ends everything that is under way.
        """
        reading = asyncio.create_task(self._read(messages))
        closing = asyncio.create_task(self._closing.wait())
        closing.add_done_callback(lambda _: self._ended or reading.cancel())
        try:
            while (response := await self._done.get()) is not None:
                yield response
                self._room.release()
            if self._failure:
                raise self._failure
        finally:
            ending = [reading, closing, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def _read(self, messages: AsyncIterator[Message]) -> None:
        try:
            async for message in messages:
                await self._room.acquire()
                task = asyncio.create_task(self._one(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except asyncio.CancelledError:
            if not self._closing.is_set():
                raise
            self._failure = Unavailable(
                "the server is draining; send what is not answered yet to another"
            )
        except Exception as failure:
            self._failure = failure
        # From here on, to be cancelled would be to cancel what was read.
        self._ended = True
        await asyncio.gather(*self._tasks)
        self._done.put_nowait(None)

    async def _one(self, message: Message) -> None:
        try:
            self._done.put_nowait(await self._answer(message))
        except Exception as failure:
            self._failure = failure
            self._done.put_nowait(None)
