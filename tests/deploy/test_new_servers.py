"""Clients that choose among servers find those that were not there when they began."""

import asyncio
import time

from benchmarks.rolling.names import Names
from onnxlate import AsyncClient
from onnxlate.bundle import Bundle
from onnxlate_serving.config import ServerConfig
from tests.serving.web import Running, running


def num_texts(server: Running) -> int:
    [deployment] = server.server._models
    return server.server._metrics.num_texts(deployment)


async def test_a_server_that_joins_gets_its_share(bundle: Bundle) -> None:
    """Nothing fails or ends meanwhile; connections are just made anew."""

    def config(listen: str) -> ServerConfig:
        return ServerConfig(
            bundles=(bundle.path,), listen=listen, connection_seconds=1.0
        )

    with Names() as names:
        async with running(config("127.0.0.1:0")) as first:
            port = int(first.address.rpartition(":")[2])
            names.add("127.0.0.1")
            async with AsyncClient(names.target(port)) as client:
                await client.translate(["one"])
                async with running(config(f"127.0.0.2:{port}")) as second:
                    names.add("127.0.0.2")
                    end = time.monotonic() + 20
                    while not num_texts(second):
                        assert time.monotonic() < end, "nobody asks the new one"
                        await client.translate(["one"])
                        await asyncio.sleep(0.05)
                assert num_texts(first) > 1
