"""Work that takes no time here, and else beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

SHORT = 4096
"""Characters that are read, split, looked through or put together in milliseconds."""


async def done(work: Callable[[], Result], size: int, short: int = SHORT) -> Result:
    """In a thread, if there is more of it than `short`."""
    return work() if size <= short else await asyncio.to_thread(work)
