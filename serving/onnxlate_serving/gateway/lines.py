"""Answers that come bit by bit, each a line of JSON."""

import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .failures import status_of, words_of
from .waiting import while_connected

log = logging.getLogger(__name__)


async def lines_response(
    request: Request, steps: AsyncGenerator[dict[str, Any], None]
) -> Response:
    """What goes wrong before the first step is raised, and has a status of its own.

    Later it is the last line: {"error": ..., "status": ...}.
    """

    async def _first() -> dict[str, Any]:
        return await anext(steps)

    first = await while_connected(request, _first())
    return StreamingResponse(
        _lines(first, steps),
        media_type="application/x-ndjson",
        # nginx would keep it back until all of it is there.
        headers={"X-Accel-Buffering": "no"},
    )


async def _lines(
    first: dict[str, Any], steps: AsyncGenerator[dict[str, Any], None]
) -> AsyncGenerator[bytes, None]:
    yield _line(first)
    try:
        async for step in steps:
            yield _line(step)
    except Exception as error:
        status = status_of(error)
        if status == 500:
            log.error("%s", error, exc_info=True)
        yield _line({"error": words_of(error), "status": status})
    finally:
        await steps.aclose()


def _line(step: dict[str, Any]) -> bytes:
    return json.dumps(step, ensure_ascii=False).encode() + b"\n"
