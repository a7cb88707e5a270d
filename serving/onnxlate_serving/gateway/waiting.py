"""Work for somebody who may hang up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from onnxlate.errors import DeadlineExceeded

Result = TypeVar("Result")


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Its result; it is cancelled, and ClientDisconnect raised, if nobody waits for it.

    The request's body must have been read.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return await task
        raise ClientDisconnect
    finally:
        for each in (task, gone):
            each.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


@asynccontextmanager
async def in_time(seconds: float | None) -> AsyncIterator[None]:
    """Raises DeadlineExceeded where it takes longer; None is no limit."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as cause:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"not done within {seconds:g} s") from cause


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
