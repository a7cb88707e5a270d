"""What a server counts, and the pages that show it."""

import asyncio
import socket
import threading
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.address import Address
from onnxlate_serving.call_log import Observed
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.metrics import Metrics
from onnxlate_serving.server import Server
from onnxlate_serving.web import MAX_CONNECTIONS, WebServer, verdict_page

from .serving import ANYWHERE, connected, engine_of
from .web import counted, fetch, page_of, running

TRANSLATE = "/onnxlate.v1.TranslationService/Translate"
STREAM = "/onnxlate.v1.TranslationService/TranslateStream"


async def values(server: Server) -> dict[str, float]:
    """Samples as "name{label,label}", of the labels' values, by their names."""
    status, text = await fetch(server, "/metrics")
    assert status == 200
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def config(bundle: Bundle) -> ServerConfig:
    return ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE)


async def test_texts_with_something_to_keep_are_counted_by_how_it_was_kept(
    config: ServerConfig, bundle: Bundle
) -> None:
    server, model = Server(config), f"{bundle.manifest.name},{bundle.manifest.version}"
    address = await server.start()
    async with connected(str(address)) as stub:
        options = pb.TranslateOptions(protect=True)
        texts = ["one", "one: https://x.y", "{x}: two", "{x}"]
        await stub.Translate(pb.TranslateRequest(texts=texts, options=options))
    seen = await values(server)
    await server.stop()

    ways = {name: value for name, value in seen.items() if "protected_texts" in name}
    assert ways == {
        f"onnxlate_protected_texts_total{{{model},copied}}": 1,
        f"onnxlate_protected_texts_total{{{model},set apart}}": 2,
    }


async def test_a_call_whose_end_nobody_could_be_told_is_none_that_went_well() -> None:
    metrics, seen = Metrics(), Observed()

    with pytest.raises(OSError), metrics.call(TRANSLATE, None, seen):
        raise OSError("the connection is gone")
    await asyncio.sleep(0)

    assert seen.status == "CANCELLED"
    assert 'status="CANCELLED"} 1.0' in metrics.text().decode()
    assert 'status="OK"' not in metrics.text().decode()


async def test_calls_texts_and_tokens_are_counted(
    config: ServerConfig, bundle: Bundle
) -> None:
    server, model = Server(config), f"{bundle.manifest.name},{bundle.manifest.version}"
    address = await server.start()
    async with connected(str(address)) as stub:
        cut = pb.TranslateOptions(truncate_source=True, max_target_tokens=2)
        results: list[pb.Result] = []
        for request in (
            pb.TranslateRequest(texts=["one two", "one", ""]),
            pb.TranslateRequest(texts=["one"]),
            pb.TranslateRequest(texts=["two " * 999], options=cut),
        ):
            results += (await stub.Translate(request)).results
        pieces = stub.TranslateStream(pb.TranslateStreamRequest(text="three"))
        results += [piece.result async for piece in pieces][-1:]
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Translate(pb.TranslateRequest(texts=["one"], model="none"))
    await counted(server, f'method="{TRANSLATE}",status="NOT_FOUND"')
    seen = await values(server)
    await server.stop()

    assert seen[f"onnxlate_calls_total{{{TRANSLATE},OK}}"] == 3
    assert seen[f"onnxlate_calls_total{{{TRANSLATE},NOT_FOUND}}"] == 1
    assert seen[f"onnxlate_calls_total{{{STREAM},OK}}"] == 1
    assert seen[f"onnxlate_call_seconds_count{{{TRANSLATE}}}"] == 4
    assert seen[f"onnxlate_first_answer_seconds_count{{{STREAM}}}"] == 1
    assert seen[f"onnxlate_texts_total{{{model}}}"] == 6
    assert seen[f"onnxlate_remembered_answers_total{{{model}}}"] == 1
    assert seen[f"onnxlate_truncated_texts_total{{{model}}}"] == 1
    assert seen[f"onnxlate_unfinished_texts_total{{{model}}}"] == 1
    assert seen[f"onnxlate_source_tokens_total{{{model}}}"] == sum(
        result.num_source_tokens for result in results
    )
    assert seen[f"onnxlate_target_tokens_total{{{model}}}"] == sum(
        result.hypotheses[0].num_target_tokens for result in results
    )
    assert seen[f"onnxlate_rows_in_use{{{model}}}"] == 0
    assert seen[f"onnxlate_failed_steps_total{{{model}}}"] == 0
    steps = seen[f"onnxlate_steps_total{{{model}}}"]
    assert steps <= seen[f"onnxlate_decoded_rows_total{{{model}}}"] <= 2 * steps
    manifest = bundle.manifest
    about = (
        f"{manifest.digest()},{manifest.name},{manifest.precision},{manifest.version}"
    )
    assert seen[f"onnxlate_model_info{{{about}}}"] == 1


async def test_readiness_ends_with_draining_and_health_with_an_engine(
    config: ServerConfig,
) -> None:
    server = Server(config.model_copy(update={"announce_seconds": 0.0}))
    await server.start()

    assert await fetch(server, "/readyz?verbose") == (200, "ok\n")
    assert await fetch(server, "/healthz") == (200, "ok\n")
    assert (await fetch(server, "/secret"))[0] == 404

    await server.drain()
    assert (await fetch(server, "/readyz"))[0] == 503
    assert (await fetch(server, "/healthz"))[0] == 200

    engine_of(server)._die()
    assert (await fetch(server, "/healthz"))[0] == 503
    await server.stop()


async def test_junk_at_the_metrics_port_is_nobodys_business(
    config: ServerConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    server = Server(config)
    address = await server.start()
    assert server._web
    place = "127.0.0.1", server._web.address.port
    for junk in (b"\x16\x03\x01\x02\x00", b"GET /metrics", b"X" * 70_000 + b"\r\n\r\n"):
        with socket.create_connection(place, timeout=5) as connection:
            connection.sendall(junk)
    silent = [socket.create_connection(place, timeout=5) for _ in range(20)]

    assert (await fetch(server, "/metrics"))[0] == 200
    async with connected(str(address)) as stub:
        answer = await stub.Translate(pb.TranslateRequest(texts=["one"]))

    for connection in silent:
        connection.close()
    await server.stop()
    assert len(answer.results) == 1
    assert capfd.readouterr().err == ""


async def test_connections_that_dawdle_are_cut_and_too_many_hung_up_on(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxlate_serving.web.PATIENCE_S", 0.5)
    async with running(config) as server:
        web = server.server._web
        assert web
        place = "127.0.0.1", web.address.port
        slow = [socket.create_connection(place, timeout=5) for _ in range(100)]
        for _ in range(8):  # a byte now and then begins no limit anew
            for connection in slow:
                with suppress(OSError):
                    connection.sendall(b"G")
            await asyncio.sleep(0.1)
        assert (await fetch(server.server, "/readyz"))[0] == 200
        for connection in slow:
            connection.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
async def test_pages_are_at_addresses_of_ipv6_too(config: ServerConfig) -> None:
    six = config.model_copy(update={"metrics": "[::1]:0"})
    async with running(six) as server:
        assert (await fetch(server.server, "/healthz"))[0] == 200


@pytest.mark.parametrize("kind", [threading.Thread, threading.Timer])
def test_connections_that_had_no_thread_leave_room_for_others(
    monkeypatch: pytest.MonkeyPatch, kind: type[threading.Thread]
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    web = WebServer(Address.parse(ANYWHERE), {"/": verdict_page(lambda: True)})
    web.start()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(kind, "start", refuse)
            for _ in range(MAX_CONNECTIONS + 1):
                place = web.address.host, web.address.port
                with socket.create_connection(place, timeout=5) as one:
                    assert one.recv(1) == b""

        assert page_of(f"http://{web.address}/") == (200, "ok\n")
    finally:
        web.stop()


def test_a_port_in_use_is_refused_at_the_start(bundle: Bundle, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="the port is in use"):
            Server(
                ServerConfig(
                    bundles=(bundle.path,),
                    listen=ANYWHERE,
                    metrics=f"127.0.0.1:{port}",
                )
            )
