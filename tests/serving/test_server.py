"""The whole server in this process: its start, its health, its end."""

import asyncio
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from onnxlate.bundle import Bundle
from onnxlate.errors import BundleError, ConfigError, Unavailable
from onnxlate.search import SearchOptions
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.address import Address
from onnxlate_serving.config import RequestLimits, SchedulerConfig, ServerConfig
from onnxlate_serving.cpus import available_cpus
from onnxlate_serving.engine import Engine
from onnxlate_serving.request import Request
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.server import Server

from .doubles import Allergic, Gated
from .handmade import rewrite, write_bundle
from .serving import ANYWHERE, connected, engine_of, served, served_by

Health = health_pb2.HealthCheckResponse


class Dying(Allergic):
    """Breaks down on its token, and cannot get up again."""

    def reset(self) -> None:
        raise RuntimeError("the device is lost")


async def test_a_dead_engine_tells_everyone_and_says_so() -> None:
    engine = Engine(Scheduler(SchedulerConfig(max_rows=1)), Dying(token=13))
    engine.start()
    options = SearchOptions(max_target_tokens=5)
    poisoned, waiting = Request((13,), options), Request((4,), options)

    with engine.decoding([poisoned, waiting]) as outboxes:
        for outbox in reversed(outboxes):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(outbox.outcome(), timeout=5)

    assert engine.dead.is_set()
    with pytest.raises(Unavailable), engine.decoding([waiting]):
        pass
    await engine.stop()


async def test_an_engine_may_be_stopped_twice_and_before_it_started() -> None:
    never = Engine(Scheduler(SchedulerConfig()), Gated())
    await never.stop()

    engine = Engine(Scheduler(SchedulerConfig()), Gated())
    engine.start()
    await engine.stop()
    await engine.stop()

    assert not engine.dead.is_set()


async def health_of(address: str, name: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


async def test_health_is_per_service_and_knows_no_others(bundle: Bundle) -> None:
    async with served(ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)) as address:
        for name in ("", "onnxlate.v1.TranslationService"):
            assert await health_of(address, name) == Health.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(address, "onnxlate.v1.Other")

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_draining_server_says_so_before_it_refuses(bundle: Bundle) -> None:
    config = ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, announce_seconds=0.5, drain_seconds=5
    )
    server = Server(config)
    address = str(await server.start())
    request = pb.TranslateRequest(texts=["one"])
    async with connected(address) as stub:
        await stub.Translate(request)
        draining = asyncio.create_task(server.drain())
        await asyncio.sleep(0.1)

        assert await health_of(address, "") == Health.NOT_SERVING
        announced = await stub.Translate(request)
        await draining
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Translate(request)
        await server.stop()

    assert len(announced.results) == 1
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "draining" in (caught.value.details() or "")


async def test_a_dead_engine_is_heard_of(bundle: Bundle) -> None:
    server = Server(ServerConfig(bundles=(bundle.path,), listen=ANYWHERE))
    await server.start()
    broken = asyncio.create_task(server.broken())
    await asyncio.sleep(0.05)
    assert not broken.done()

    engine_of(server)._die()

    await asyncio.wait_for(broken, timeout=5)
    await server.stop()


async def test_an_engine_that_hangs_is_heard_of_too(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, hang_seconds=0.2)
    server = Server(config)
    await server.start()
    broken = asyncio.create_task(server.broken())
    engine, gated = engine_of(server), Gated()
    monkeypatch.setattr(engine, "_runner", gated)

    with engine.decoding([Request((4,), SearchOptions(max_target_tokens=5))]) as [box]:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(box.outcome(), timeout=5)
        await asyncio.wait_for(broken, timeout=5)

    gated.go()
    await server.stop()


async def test_defaults_that_the_limits_forbid_are_named_at_the_start(
    tmp_path: Path,
) -> None:
    path = write_bundle(tmp_path / "wide")
    rewrite(path, '"defaults": {"beam_size": 1', '"defaults": {"beam_size": 5')
    assert Bundle.open(path).manifest.defaults.beam_size == 5
    config = ServerConfig(
        bundles=(path,),
        listen=ANYWHERE,
        scheduler=SchedulerConfig(max_rows=4),
        limits=RequestLimits(max_beam_size=4),
    )

    with pytest.raises(ConfigError, match="beam_size is 5; it must be from 1 to 4"):
        await Server(config).start()


async def test_a_model_that_cannot_translate_is_not_served(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "headless")
    rewrite(path, '"heads": 2', '"heads": 1')  # the graphs know better
    server = Server(ServerConfig(bundles=(path,), listen=ANYWHERE))

    with pytest.raises(BundleError, match="handmade@1 does not survive") as caught:
        await server.start()

    assert "onnxruntime" not in str(caught.value)


async def test_a_client_that_reads_nothing_and_leaves_frees_its_row(
    bundle: Bundle,
) -> None:
    gated = Gated()
    async with served_by(gated, bundle, SchedulerConfig(max_rows=1)) as address:
        async with connected(address) as stub:
            stub.TranslateStream(pb.TranslateStreamRequest(text="one " * 90))
            gated.go(5)
            await asyncio.sleep(0.2)
        # The whole connection is gone with the channel.
        await asyncio.sleep(0.1)
        gated.go(10)
        async with connected(address) as stub:
            call = stub.Translate(pb.TranslateRequest(texts=["two"]))
            answer = await asyncio.wait_for(call, timeout=5)

    assert answer.results[0].hypotheses[0].text == "two"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:80", "::1", 80), ("a.b:1", "a.b", 1)],
)
def test_an_address_reads_as_it_is_written(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize(
    "text", ["", "50051", ":1", "host:", "host:x", "host:65536", "::1:80", "[]:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 127"):
        Address.parse(text)


def test_only_this_machine_reaches_a_loopback_address() -> None:
    loopback = [Address(host, 1) for host in ("127.0.0.1", "::1", "localhost")]
    elsewhere = [Address(host, 1) for host in ("0.0.0.0", "::", "example.org")]

    assert all(each.loopback for each in loopback)
    assert not any(each.loopback for each in elsewhere)


@pytest.mark.parametrize("quota", ["50000 100000\n", "100000 100000\n"])
def test_a_container_with_a_cpu_or_less_has_one(tmp_path: Path, quota: str) -> None:
    (tmp_path / "cpu.max").write_text(quota)

    assert available_cpus(tmp_path) == 1


def test_without_a_quota_every_cpu_it_may_run_on_counts(tmp_path: Path) -> None:
    without = available_cpus(tmp_path)
    (tmp_path / "cpu.max").write_text("max 100000\n")

    assert available_cpus(tmp_path) == without >= 1
