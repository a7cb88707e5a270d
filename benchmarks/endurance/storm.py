"""Streams that are cancelled at random moments: all rows must be free afterwards."""

import asyncio
from itertools import cycle, islice
from random import Random

import grpc
import grpc.aio

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .target import RETRIES_OFF, Target

AT_ONCE = 100

LONGEST_S = 0.2
"""By then most streams have ended by themselves."""


async def storm(
    server: Target, texts: list[str], num_streams: int, seed: int
) -> dict[str, object]:
    """Opens so many streams, a hundred at a time, and leaves each when it likes."""
    random = Random(seed)
    before = server.resident_mb
    left = ended = refused = 0
    numbers = iter(islice(cycle(texts), num_streams))
    most_rows = 0.0

    async def caller(stub: pb_grpc.TranslationServiceStub) -> None:
        nonlocal left, ended, refused
        for text in numbers:
            options = pb.TranslateOptions(truncate_source=True)
            call = stub.TranslateStream(
                pb.TranslateStreamRequest(text=text, options=options)
            )
            try:
                async with asyncio.timeout(random.random() * LONGEST_S):
                    async for _ in call:
                        pass
                ended += 1
            except (TimeoutError, asyncio.CancelledError):
                call.cancel()
                left += 1
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                refused += 1

    async with grpc.aio.insecure_channel(server.address, RETRIES_OFF) as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        callers = [asyncio.create_task(caller(stub)) for _ in range(AT_ONCE)]
        while not all(each.done() for each in callers):
            await asyncio.sleep(0.1)
            rows = await asyncio.to_thread(server.value, "onnxlate_rows_in_use")
            most_rows = max(most_rows, rows)
        await asyncio.gather(*callers)
    return {
        "streams": num_streams,
        "cancelled": left,
        "ended_before": ended,
        "refused": refused,
        "most_rows_in_use": int(most_rows),
        "seconds_until_all_rows_were_free": server.wait_until_idle(),
        "resident_mb_before": before,
        "resident_mb_after": server.resident_mb,
    }
