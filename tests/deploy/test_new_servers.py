"""Clients that choose among servers find those that were not there when they began."""

import asyncio
import time
from collections.abc import Iterator

from benchmarks.rolling.names import Names
from onnxlate import AsyncClient, Client
from onnxlate.bundle import Bundle
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.server import ages
from tests.serving.web import Running, running


def num_texts(server: Running) -> int:
    [deployment] = server.server._models
    return server.server._metrics.num_texts(deployment)


def short_connections(bundle: Bundle, listen: str) -> ServerConfig:
    return ServerConfig(bundles=(bundle.path,), listen=listen, connection_seconds=1.0)


async def test_a_server_that_joins_gets_its_share(bundle: Bundle) -> None:
    """Nothing fails or ends meanwhile; connections are just made anew."""

    def config(listen: str) -> ServerConfig:
        return short_connections(bundle, listen)

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


async def test_a_call_may_last_longer_than_its_connection(bundle: Bundle) -> None:
    def slowly() -> Iterator[tuple[int, str]]:
        for number in range(6):
            yield number, "one two"
            time.sleep(0.5)

    async with running(short_connections(bundle, "127.0.0.1:0")) as server:
        with Client(server.address) as client:
            found = await asyncio.to_thread(
                lambda: dict(client.translate_many(slowly()))
            )
    assert sorted(found) == list(range(6))


def test_calls_have_an_hour_however_short_connections_are() -> None:
    minute = 60_000
    for seconds, expected in ((30, 64.5), (3600, 5), (7200, 5)):
        options = dict(ages(seconds))
        assert options["grpc.max_connection_age_ms"] == 1000 * seconds
        assert options["grpc.max_connection_age_grace_ms"] == expected * minute
