"""Who watches a server's health hears of each change, whatever others do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as pb_grpc

from onnxlate import AsyncClient, Client
from onnxlate.bundle import Bundle
from onnxlate.v1 import translation_pb2 as translation_pb
from onnxlate.v1 import translation_pb2_grpc as translation_grpc
from onnxlate_serving.config import ServerConfig

from .serving import ANYWHERE
from .web import Running, fetch, running

SERVICES = ("", "onnxlate.v1.TranslationService", "inference.GRPCInferenceService")


@pytest.fixture
def config(bundle: Bundle) -> ServerConfig:
    return ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, announce_seconds=0)


def watch(channel: grpc.aio.Channel, service: str) -> Any:
    request = pb.HealthCheckRequest(service=service)
    return pb_grpc.HealthStub(channel).Watch(request)


async def test_a_watcher_that_leaves_takes_nobody_along(config: ServerConfig) -> None:
    async with running(config) as server:
        channels = [grpc.aio.insecure_channel(server.address) for _ in range(3)]
        staying, leaving, mute = (watch(each, SERVICES[1]) for each in channels)
        for each in (staying, leaving):
            assert (await each.read()).status == pb.HealthCheckResponse.SERVING
        leaving.cancel()
        await channels[1].close(None)
        await asyncio.sleep(0.1)

        draining = asyncio.create_task(server.server.drain())
        told = await asyncio.wait_for(staying.read(), timeout=10)
        await asyncio.wait_for(draining, timeout=10)

        assert told.status == pb.HealthCheckResponse.NOT_SERVING
        mute.cancel()  # it has never read a thing
        for channel in channels:
            await channel.close(None)


async def test_each_service_has_a_status_and_no_other_name_has(
    config: ServerConfig,
) -> None:
    async with (
        running(config) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        stub = pb_grpc.HealthStub(channel)
        for service in SERVICES:
            answer = await stub.Check(pb.HealthCheckRequest(service=service))
            assert answer.status == pb.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(pb.HealthCheckRequest(service="none"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        unknown = await watch(channel, "none").read()
    assert unknown.status == pb.HealthCheckResponse.SERVICE_UNKNOWN


@asynccontextmanager
async def two_of_which_one_leaves(
    bundle: Bundle,
) -> AsyncIterator[tuple[str, Running, asyncio.Event]]:
    """Both their addresses, the one that leaves, and what makes it say so: it answers
    for a minute after that, so that whoever asks it still is seen."""
    config = ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE, announce_seconds=60
    )
    async with running(config) as staying, running(config) as leaving:
        says = asyncio.Event()

        async def leave() -> None:
            await says.wait()
            await leaving.server.drain()

        task = asyncio.create_task(leave())
        try:
            yield f"{staying.address},{leaving.address}", leaving, says
        finally:
            task.cancel()


async def num_calls(server: Running) -> float:
    _, page = await fetch(server.server, "/metrics")
    method = "/onnxlate.v1.TranslationService/Translate"
    line = f'onnxlate_calls_total{{method="{method}",status="OK"}} '
    counts = [float(x.removeprefix(line)) for x in page.splitlines() if line in x]
    return sum(counts)


async def asked_after_it_says_no(
    bundle: Bundle, connect: Callable[[str], Callable[[], Awaitable[object]]]
) -> tuple[float, float]:
    """Calls that reach the server before and after it says that it leaves."""
    async with two_of_which_one_leaves(bundle) as (addresses, leaving, says):
        ask = connect(addresses)
        end = time.monotonic() + 10
        while await num_calls(leaving) < 3:  # it is among those who are asked
            await ask()
            assert time.monotonic() < end
        before = await num_calls(leaving)
        says.set()
        await asyncio.sleep(0.3)
        known = await num_calls(leaving)
        for _ in range(20):
            await ask()
        return before, await num_calls(leaving) - known


async def test_our_clients_ask_nobody_who_says_no(bundle: Bundle) -> None:
    """Nor is a call refused and asked again: it goes elsewhere at once."""

    def waiting(addresses: str) -> Callable[[], Awaitable[object]]:
        client = Client(addresses)
        return lambda: asyncio.to_thread(client.translate, ["one"])

    def asynchronous(addresses: str) -> Callable[[], Awaitable[object]]:
        client = AsyncClient(addresses)
        return lambda: client.translate(["one"])

    for connect in (waiting, asynchronous):
        before, after = await asked_after_it_says_no(bundle, connect)
        assert (before >= 3, after) == (True, 0)


async def test_who_does_not_watch_health_goes_on_asking(bundle: Bundle) -> None:
    """So the test above would see it."""

    def unaware(addresses: str) -> Callable[[], Awaitable[object]]:
        policy = '{"loadBalancingConfig": [{"round_robin": {}}]}'
        channel = grpc.insecure_channel(
            f"ipv4:{addresses}", [("grpc.service_config", policy)]
        )
        stub = translation_grpc.TranslationServiceStub(channel)
        request = translation_pb.TranslateRequest(texts=["one"])
        return lambda: asyncio.to_thread(stub.Translate, request)

    before, after = await asked_after_it_says_no(bundle, unaware)
    assert before >= 3
    assert after >= 8
