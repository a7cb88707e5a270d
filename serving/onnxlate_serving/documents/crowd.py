"""Has many sentences translated without crowding others out.

A document is let in with its first sentences, or refused. After that it never has more
than some hundred of them waiting, whatever its length, and where the waiting line is
full, it waits outside until there is room: so others find the line as short as before,
and have their turns (waiting.py).
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from ..caller import Caller
from ..layer import Layer
from ..options import TranslateOptions
from ..patience import patiently
from ..translation import Translation

GROUP = 64
"""Sentences that are handed on together."""

GROUPS = 3
"""Of these at once: while the last of one are decoded, the rows are not idle."""


async def translate_many(
    layer: Layer,
    texts: Sequence[str],
    options: TranslateOptions,
    caller: Caller,
    group_size: int = GROUP,
    admitted: bool = False,
) -> list[Translation]:
    """One translation per text, in order.

    Raises what the layer raises; Overloaded for the first group alone, and not even
    for that if these are part of something that was `admitted`.
    """
    groups = [texts[at : at + group_size] for at in range(0, len(texts), group_size)]
    if len(groups) == 1 and not admitted:
        return await layer.translate(texts, options, caller)
    places = asyncio.Semaphore(GROUPS)

    async def of_group(number: int) -> list[Translation]:
        async with places:
            if number == 0 and not admitted:
                return await layer.translate(groups[number], options, caller)
            return await patiently(
                partial(layer.translate, groups[number], options, caller)
            )

    try:
        async with asyncio.TaskGroup() as tasks:
            answers = [tasks.create_task(of_group(at)) for at in range(len(groups))]
    except* Exception as failures:
        # The first one ended the others; callers know no groups of errors.
        raise first_failure(failures) from None
    return [each for group in answers for each in group.result()]


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
