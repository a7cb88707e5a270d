"""Faults 12 to 16, 20, 21 and 28: callers who hurry, hang up, crowd or do nothing."""

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from tests.serving.handmade import NUMBERS

from .servers import Running, refused, running
from .test_inputs import EXHAUSTED, ask

Stub = pb_grpc.TranslationServiceStub

LONG = "one two three four five six seven eight nine ten " * 8
"""Takes tens of steps."""


def long_texts(count: int) -> list[str]:
    """No two alike, since equal texts of a call are translated once."""
    words = NUMBERS.split()
    names = ((number, number // 12, number // 144) for number in range(count))
    return [" ".join(words[at % 12] for at in name) + f" {LONG}" for name in names]


def patient(*texts: str) -> pb.TranslateRequest:
    return ask(*texts, truncate_source=True, max_target_tokens=80)


def test_12_a_deadline_that_passes_frees_the_rows(server: Running, stub: Stub) -> None:
    for seconds in (0.001, 0.02, 0.05):
        with pytest.raises(grpc.RpcError) as caught:
            stub.Translate(patient(*long_texts(200)), timeout=seconds)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_of_calls_at_once_each_is_answered_or_refused(
    server: Running, stub: Stub
) -> None:
    """gRPC itself ends calls as CANCELLED where 1,000 wait for Python, or for 30 s."""
    request = patient("one two", "three")
    calls = [stub.Translate.future(request, timeout=600) for _ in range(4000)]
    codes = {call.code() for call in calls}

    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_13_who_cancels_or_dies_frees_the_rows(server: Running, stub: Stub) -> None:
    calls = [
        stub.TranslateStream(pb.TranslateStreamRequest(text="one two three"))
        for _ in range(20)
    ]
    for call in calls:
        call.cancel()
    waiting = stub.Translate.future(patient(*long_texts(200)))
    waiting.cancel()
    assert waiting.cancelled()

    script = (
        "import sys, onnxlate\n"
        "with onnxlate.Client(sys.argv[1]) as client:\n"
        "    while True:\n"
        "        for piece in client.stream('one two three four five'):\n"
        "            print(piece, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, server.address], stdout=subprocess.PIPE
    ) as client:
        assert client.stdout
        client.stdout.readline()
        client.send_signal(signal.SIGKILL)


def test_14_who_does_not_read_keeps_nobody_waiting(server: Running) -> None:
    before = server.process.resident_bytes()
    # Room for a few pieces in all, and then for none.
    window = [("grpc.http2.lookahead_bytes", 16), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(server.address, window) as lazy:
        stub = server.stub(lazy)
        unread = [
            stub.TranslateStream(
                pb.TranslateStreamRequest(
                    text=text, options=pb.TranslateOptions(truncate_source=True)
                )
            )
            for text in long_texts(60)
        ]
        server.is_well()  # and the rows are free, unread as the answers are
        assert server.process.resident_bytes() - before < 50_000_000
        for call in unread:
            call.cancel()


def test_15_a_full_queue_says_when_to_come_back(bundle: Path) -> None:
    with running(bundle, "--max-rows", "1", "--max-waiting", "1") as server:
        options = [("grpc.enable_retries", 0)]
        with grpc.insecure_channel(server.address, options) as channel:
            stub = server.stub(channel)
            calls = [
                stub.Translate.future(patient(text), timeout=60)
                for text in long_texts(100)
            ]
            refusals = [each.exception() for each in calls if each.exception()]
        server.is_well()

    assert 0 < len(refusals) < 100
    for refusal in refusals:
        assert isinstance(refusal, grpc.RpcError)
        assert refusal.code() is EXHAUSTED
        trailing: Any = refusal.trailing_metadata()
        trailers = dict(trailing)
        assert int(trailers["grpc-retry-pushback-ms"]) > 0
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        retry = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() > 0


def test_16_health_answers_in_any_crowd(server: Running, stub: Stub) -> None:
    calls = [stub.Translate.future(patient(text)) for text in long_texts(500)]
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for _ in range(20):
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert all(len(call.result().results) == 1 for call in calls)


def test_20_a_method_there_is_none_of_is_unimplemented(server: Running) -> None:
    with grpc.insecure_channel(server.address) as channel:
        for method in (
            "/onnxlate.v1.TranslationService/Mistranslate",
            "/onnxlate.v1.AdminService/LoadModel",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            "/none/none",
        ):
            refusal = refused(channel.unary_unary(method, None, None), b"")
            assert refusal.code is grpc.StatusCode.UNIMPLEMENTED


def test_21_who_pings_every_second_is_not_cut_off_in_a_call(server: Running) -> None:
    options = [
        ("grpc.keepalive_time_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with grpc.insecure_channel(server.address, options) as channel:
        stub = server.stub(channel)
        for _ in range(3):
            assert stub.Translate(ask("one"), timeout=10).results
            time.sleep(1.5)


def test_28_a_thousand_idle_connections_and_half_greetings_harm_nobody(
    server: Running,
) -> None:
    host, port = server.address.rsplit(":", 1)
    before = server.process.resident_bytes()
    silent = [socket.create_connection((host, int(port))) for _ in range(500)]
    slow = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"PRI * HTTP/2.0\r\n")
    try:
        server.is_well()
        assert server.process.resident_bytes() - before < 100_000_000
    finally:
        for connection in silent + slow:
            # With an RST instead of a farewell.
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()


def test_28_a_flood_of_streams_that_are_reset_at_once_passes(server: Running) -> None:
    def flood() -> None:
        with grpc.insecure_channel(server.address) as channel:
            stub = server.stub(channel)
            for _ in range(300):
                stub.TranslateStream(pb.TranslateStreamRequest(text="one")).cancel()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(flood) for _ in range(4)]:
            done.result(timeout=60)
