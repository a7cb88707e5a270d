"""Waits for room, for the sake of what has been done already."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from onnxlate.errors import Overloaded

T = TypeVar("T")

PAUSE_S = 0.05
"""How long to stay outside before trying again; longer each time, up to"""

LONGEST_PAUSE_S = 1.0


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What it gives, asked again while others have filled the waiting line."""
    for attempt in count():
        try:
            return await ask()
        except Overloaded:
            await pause(attempt)
    raise AssertionError("counting ends nowhere")


async def pause(attempt: int) -> None:
    """Longer each time."""
    await asyncio.sleep(min(PAUSE_S * 2**attempt, LONGEST_PAUSE_S))
