"""Servers in this very process, on ports of their own, and clients for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from onnxlate.bundle import Bundle
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving.border import Border
from onnxlate_serving.caller import by_address
from onnxlate_serving.calls import Calls
from onnxlate_serving.config import RequestLimits, SchedulerConfig, ServerConfig
from onnxlate_serving.deployment import Deployment
from onnxlate_serving.engine import Engine, Runner
from onnxlate_serving.looking import Looking
from onnxlate_serving.metrics import Metrics
from onnxlate_serving.models import Models
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.server import Server
from onnxlate_serving.service import TranslationService

from .web import running

ANYWHERE = "127.0.0.1:0"


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[pb_grpc.TranslationServiceStub]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield pb_grpc.TranslationServiceStub(channel)


@asynccontextmanager
async def served(config: ServerConfig) -> AsyncIterator[str]:
    """The address of a whole server."""
    async with running(config) as server:
        yield server.address


def engine_of(server: Server) -> Engine:
    """The only one of a server with one model and one worker."""
    [deployment] = server._models
    return deployment.engines[0]


@asynccontextmanager
async def served_by(
    runner: Runner,
    bundle: Bundle,
    config: SchedulerConfig | None = None,
    limits: RequestLimits | None = None,
    looking: Looking | None = None,
) -> AsyncIterator[str]:
    """The address of a service whose model is a double."""
    engine = Engine(Scheduler(config or SchedulerConfig()), runner)
    deployment = Deployment(
        bundle, [engine], limits or RequestLimits(), looking=looking
    )
    metrics = Metrics()
    server = grpc.aio.server(interceptors=[Border(metrics)])
    pb_grpc.add_TranslationServiceServicer_to_server(
        TranslationService(Models([deployment]), Calls(), metrics, by_address), server
    )
    port = server.add_insecure_port(ANYWHERE)
    engine.start()
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=None)
        await engine.stop()
