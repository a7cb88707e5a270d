"""Waits for room, for the sake of what has been done already."""

import asyncio
from collections.abc import Sequence
from itertools import count

from onnxlate.errors import Overloaded

from .caller import Caller
from .layer import Layer
from .options import TranslateOptions
from .translation import Translation

PAUSE_S = 0.05
"""How long to stay outside before trying again; longer each time, up to"""

LONGEST_PAUSE_S = 1.0


async def translate_patiently(
    layer: Layer, texts: Sequence[str], options: TranslateOptions, caller: Caller
) -> list[Translation]:
    """As the layer does, which is asked again while it is full."""
    for attempt in count():
        try:
            return await layer.translate(texts, options, caller)
        except Overloaded:
            await pause(attempt)
    raise AssertionError("counting ends nowhere")


async def pause(attempt: int) -> None:
    """Longer each time."""
    await asyncio.sleep(min(PAUSE_S * 2**attempt, LONGEST_PAUSE_S))
