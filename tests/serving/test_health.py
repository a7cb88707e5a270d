"""Who watches a server's health hears of each change, whatever others do."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as pb_grpc

from onnxlate.bundle import Bundle
from onnxlate_serving.config import ServerConfig

from .serving import ANYWHERE
from .web import running

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
