"""The server as a process: how it starts, how it stops, what it says."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from tests.serving.handmade import NUMBERS, write_bundle
from tests.serving.server_process import COMMAND, METRICS, server_process
from tests.serving.web import page_of

ANYWHERE = ("--listen", "127.0.0.1:0")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles") / "handmade")


def long_calls(count: int, num_texts: int) -> list[list[str]]:
    """No text comes twice: the server would remember its answer."""
    words = NUMBERS.split()
    texts = [f"{a} {b} {c} four" for a in words for b in words for c in words]
    return [texts[at * num_texts :][:num_texts] for at in range(count)]


def complaint(*arguments: str | Path) -> str:
    """The one line in which the command refuses to start."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = [
        each for each in done.stderr.splitlines() if " INFO " not in each
    ]  # what it logged on the way there
    assert line.startswith("error: ")
    return line


def test_it_says_ready_with_its_port_when_it_answers(bundle: Path) -> None:
    with server_process(bundle, *ANYWHERE) as server:
        address = server.wait_ready()
        with grpc.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("", "onnxlate.v1.TranslationService"):
                request = health_pb2.HealthCheckRequest(service=name)
                assert health.Check(request, timeout=5).status == SERVING
            stub = pb_grpc.TranslationServiceStub(channel)
            answer = stub.Translate(pb.TranslateRequest(texts=["one two"]), timeout=5)
        assert answer.results[0].num_source_tokens == 3

        server.send(signal.SIGTERM)
        assert server.wait() == 0
    assert "one two" not in server.log


def test_sigterm_lets_calls_under_way_finish_and_refuses_new_ones(
    bundle: Path,
) -> None:
    slow = ("--max-rows", "1", "--max-waiting", "2000", "--announce-seconds", "0")
    with server_process(bundle, *ANYWHERE, *slow) as server:
        address = server.wait_ready()
        with (
            grpc.insecure_channel(address) as channel,
            grpc.insecure_channel(address) as watching,
            ThreadPoolExecutor(8) as threads,
        ):
            stub = pb_grpc.TranslationServiceStub(channel)
            request = health_pb2.HealthCheckRequest()
            statuses = health_pb2_grpc.HealthStub(watching).Watch(request)
            assert next(statuses).status == SERVING
            calls = [
                threads.submit(stub.Translate, pb.TranslateRequest(texts=texts))
                for texts in long_calls(8, 120)
            ]
            time.sleep(0.3)

            server.send(signal.SIGTERM)
            assert next(statuses).status == NOT_SERVING
            time.sleep(0.1)
            with pytest.raises(grpc.RpcError) as refused:
                stub.Translate(pb.TranslateRequest(texts=["one"]))
            unfinished = [call for call in calls if not call.done()]
            answers = [call.result(timeout=30) for call in calls]

        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert unfinished, "nothing was under way: the test proves nothing"
        assert [len(answer.results) for answer in answers] == [120] * 8
        assert server.wait() == 0
    assert re.search(r"draining: [1-8] calls under way", server.log)


def test_draining_ends_when_its_time_is_up(bundle: Path) -> None:
    slow = (
        *("--max-rows", "1", "--workers", "1", "--max-waiting", "2000"),
        *("--announce-seconds", "0", "--drain-seconds", "0.1"),
        *("--metrics", "127.0.0.1:0"),
    )
    with (
        server_process(bundle, *ANYWHERE, *slow) as server,
        grpc.insecure_channel(server.wait_ready()) as channel,
    ):
        stub = pb_grpc.TranslationServiceStub(channel)
        calls = [
            stub.Translate.future(pb.TranslateRequest(texts=texts))
            for texts in long_calls(6, 250)
        ]
        metrics = METRICS.search(server.log)
        assert metrics
        for _ in range(1000):
            _, page = page_of(f"{metrics[1]}/metrics")
            if re.search(r"^onnxlate_waiting_texts\S* [1-9]", page, re.MULTILINE):
                break
            time.sleep(0.01)
        server.send(signal.SIGTERM)

        assert server.wait(seconds=10) == 0
        assert calls[-1].code() is not grpc.StatusCode.OK
    assert "draining took too long" in server.log


def test_a_second_signal_ends_it_at_once(bundle: Path) -> None:
    with server_process(bundle, *ANYWHERE, "--announce-seconds", "60") as server:
        server.wait_ready()
        server.send(signal.SIGTERM)
        time.sleep(0.3)
        server.send(signal.SIGINT)

        assert server.wait(seconds=10) == 128 + signal.SIGINT
    assert "Traceback" not in server.log


def test_a_port_in_use_is_refused_before_anything_is_loaded(bundle: Path) -> None:
    with server_process(bundle, *ANYWHERE) as server:
        address = server.wait_ready()

        line = complaint(bundle, "--listen", address)

    assert f"cannot listen on {address}: the port is in use" in line


def test_a_damaged_bundle_is_refused_in_one_line(tmp_path: Path) -> None:
    damaged = write_bundle(tmp_path / "damaged")
    with (damaged / "decoder.onnx").open("ab") as file:
        file.write(b"!")

    assert "decoder.onnx is damaged" in complaint(damaged, *ANYWHERE)


def test_reflection_is_there_on_request_alone(bundle: Path) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    def services(*arguments: str) -> list[str]:
        with (
            server_process(bundle, *ANYWHERE, *arguments) as server,
            grpc.insecure_channel(server.wait_ready()) as channel,
        ):
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            request = reflection_pb2.ServerReflectionRequest(list_services="")
            (answer,) = stub.ServerReflectionInfo(iter([request]))
            return [each.name for each in answer.list_services_response.service]

    assert "onnxlate.v1.TranslationService" in services("--reflection")
    with pytest.raises(grpc.RpcError) as caught:
        services()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_serving_does_not_import_torch_or_onnx() -> None:
    code = (
        "import sys, onnxlate_serving.server\n"
        "print(sorted({'torch', 'onnx', 'onnxscript'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
