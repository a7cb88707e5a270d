"""Where asyncio could make a difference, and must not."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from onnxlate import AsyncClient
from onnxlate.errors import (
    ConfigError,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
    ServerFailure,
    Unavailable,
)
from onnxlate.messages import MAX_CALLS, MAX_TEXTS

from .parrot import Parrot, serving


@pytest.fixture
async def client(parrot: Parrot) -> AsyncIterator[AsyncClient]:
    with serving(parrot) as address:
        async with AsyncClient(address) as client:
            yield client


async def test_a_long_list_keeps_its_order_and_fills_its_calls(
    parrot: Parrot, client: AsyncClient
) -> None:
    texts = [f"text {i}" for i in range(3 * MAX_TEXTS + 1)]
    parrot.pauses_s = {"text 0": 0.2}  # the first call is the last to be answered

    translations = await client.translate(iter(texts))

    assert [each.text for each in translations] == [text.upper() for text in texts]
    sizes = sorted(len(request.texts) for request in parrot.requests)
    assert sizes == [1, MAX_TEXTS, MAX_TEXTS, MAX_TEXTS]


async def test_a_list_has_a_few_calls_under_way_and_no_more(
    parrot: Parrot, client: AsyncClient
) -> None:
    texts = ["slow"] * (3 * MAX_CALLS * MAX_TEXTS)
    parrot.pauses_s = {"slow": 0.3}

    waiting = asyncio.create_task(client.translate(texts))
    await asyncio.sleep(0.2)

    assert len(parrot.requests) == MAX_CALLS
    assert len(await waiting) == len(texts)


async def test_no_texts_are_no_calls(parrot: Parrot, client: AsyncClient) -> None:
    assert await client.translate([]) == []
    assert parrot.requests == []


async def test_a_server_that_is_away_for_a_moment_is_asked_again(
    parrot: Parrot, client: AsyncClient
) -> None:
    parrot.refusals = [grpc.StatusCode.UNAVAILABLE]

    [translation] = await client.translate(["a"])

    assert translation.text == "A"
    assert len(parrot.requests) == 2


async def test_a_deadline_ends_the_waiting(parrot: Parrot, client: AsyncClient) -> None:
    parrot.pauses_s = {"slow": 1.0}

    with pytest.raises(DeadlineExceeded, match="did not answer in time"):
        await client.translate(["slow"], timeout_s=0.2)


async def test_a_stream_without_a_result_is_the_servers_fault(
    parrot: Parrot, client: AsyncClient
) -> None:
    stream = client.stream("a b c")
    assert [piece async for piece in stream] == ["A ", "B ", "C"]
    assert stream.result.text == "A B C"

    parrot.forgets_the_result = True
    with pytest.raises(ServerFailure, match="without a result"):
        _ = [piece async for piece in client.stream("a b")]


async def test_a_stream_that_is_left_early_frees_its_client_for_others(
    parrot: Parrot, client: AsyncClient
) -> None:
    parrot.pauses_s = {"a b c": 0.2}

    async with client.stream("a b c") as stream:
        assert await anext(stream) == "A "
    with pytest.raises(InvalidRequest, match="last piece"):
        _ = stream.result
    with pytest.raises(Unavailable, match="cancelled"):
        await anext(stream)

    assert [each.text for each in await client.translate(["b"])] == ["B"]


async def test_a_task_that_is_cancelled_is_cancelled(
    parrot: Parrot, client: AsyncClient
) -> None:
    parrot.pauses_s = {"slow": 1.0}
    task = asyncio.create_task(client.translate(["slow"]))
    await asyncio.sleep(0.1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_the_client_ends_what_is_under_way_with_an_error_of_ours(
    parrot: Parrot, client: AsyncClient
) -> None:
    parrot.pauses_s = {"slow": 1.0}
    task = asyncio.create_task(client.translate(["slow"]))
    await asyncio.sleep(0.1)

    await client.close()

    with pytest.raises(Unavailable, match="its client closed"):
        await task
    with pytest.raises(Unavailable, match="is closed"):
        await client.translate(["a"])
    with pytest.raises(Unavailable, match="is closed"):
        await client.models()
    with pytest.raises(Unavailable, match="is closed"):
        await client.wait_until_ready(1)


async def test_models_are_asked_for_by_name(client: AsyncClient) -> None:
    assert (await client.model()).name == "parrot"
    with pytest.raises(ModelNotFound, match="owl"):
        await client.model("owl")


async def test_an_address_is_checked_at_once_and_named_when_nobody_is_there() -> None:
    with pytest.raises(ConfigError, match=r"not HOST:PORT.*leave out the scheme"):
        AsyncClient("http://localhost:1")

    async with AsyncClient("127.0.0.1:1") as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await anext(client.stream("a"))
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 within 0\.2 s"):
            await client.wait_until_ready(0.2)
