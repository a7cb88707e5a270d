"""Faults 17 to 19, 22 to 24, 26, 27, 29 and 30: what befalls the server itself."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

import onnxlate_serving
from onnxlate import Client, Credentials
from onnxlate.errors import (
    BundleError,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.tokens import hash_of
from tests.serving.handmade import write_bundle
from tests.serving.server_process import server_process
from tests.serving.web import page_of

from .servers import TEXTS, Running, refused, running
from .test_inputs import ask
from .test_load import long_texts, patient

ANYWHERE = ("--listen", "127.0.0.1:0")


NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


def free_place() -> str:
    """Where a server may listen that has no way to say where it does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def status_of(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return int(answer.status)


def test_17_who_drains_says_so_before_it_refuses(bundle: Path) -> None:
    slow = ("--max-rows", "1", "--workers", "1")
    options = ("--announce-seconds", "1", "--drain-seconds", "60")
    with running(bundle, *slow, *options) as server:
        retries_off = [("grpc.enable_retries", 0)]
        with grpc.insecure_channel(server.address, retries_off) as channel:
            stub = server.stub(channel)
            # Somebody is still served when the others are refused.
            held = stub.Translate.future(patient(*long_texts(256)))
            wait_until(lambda: server.gauge("onnxlate_rows_in_use") > 0)
            server.process.send(signal.SIGTERM)
            wait_until(lambda: status_of(server.address) == NOT_SERVING)
            assert page_of(f"{server.metrics}/readyz")[0] == 503
            assert stub.GetModel(pb.GetModelRequest(), timeout=5).name  # not yet
            wait_until(lambda: "draining" in server.process.news())
            refusal = refused(stub.Translate, ask("one"))
            assert refusal.code is grpc.StatusCode.UNAVAILABLE
            assert not held.done()
            assert len(held.result(timeout=60).results) == 256
        assert server.process.wait() == 0


def test_18_tokens_decide_who_may_do_what(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(
        f"web translate sha256:{hash_of('web').hex()}\n"
        f"ops metrics sha256:{hash_of('ops').hex()}\n"
    )
    options = ("--tokens", tmp_path / "tokens", "--reflection")
    with server_process(bundle, *ANYWHERE, *options) as process:
        address = process.wait_ready()
        for token, error in (
            (None, Unauthenticated),
            ("wrong", Unauthenticated),
            ("ops", PermissionDenied),
        ):
            credentials = Credentials(token=token)
            with (
                Client(address, credentials=credentials) as client,
                pytest.raises(error),
            ):
                client.translate(["one"])
        with Client(address, credentials=Credentials(token="web")) as client:
            assert client.translate(["one"])
            with pytest.raises(PermissionDenied):
                client.load_model("new")


def test_19_strangers_to_its_certificate_do_not_get_through(
    bundle: Path, tmp_path: Path
) -> None:
    ours, another = trustme.CA(), trustme.CA()
    issued = ours.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    for name, ca in (("ours", ours), ("another", another)):
        ca.cert_pem.write_to_path(tmp_path / name)
    options = (
        *("--tls-certificate", tmp_path / "server.pem"),
        *("--tls-key", tmp_path / "server.key"),
    )
    with server_process(bundle, *ANYWHERE, *options) as process:
        address = process.wait_ready()
        for credentials in (Credentials(), Credentials(ca=tmp_path / "another")):
            with (
                Client(address, timeout_s=2, credentials=credentials) as client,
                pytest.raises(Unavailable),
            ):
                client.wait_until_ready(1)
        trusted = Credentials(ca=tmp_path / "ours")
        with Client(address, credentials=trusted) as client:
            assert client.translate(["one"])


def test_22_a_bad_bundle_replaces_no_good_one(tmp_path: Path) -> None:
    models = tmp_path / "models"
    good = write_bundle(models / "good")
    bad = write_bundle(models / ".bad", version="2", seed=1)
    (bad / "decoder.onnx").write_bytes((bad / "encoder.onnx").read_bytes())
    bad.rename(tmp_path / "bad")
    scopes = "translate,admin"
    (tmp_path / "tokens").write_text(f"ops {scopes} sha256:{hash_of('ops').hex()}\n")
    options = ("--models", models, "--admin", "--tokens", tmp_path / "tokens")
    with server_process(*ANYWHERE, *options) as process:
        address = process.wait_ready()
        with Client(address, credentials=Credentials(token="ops")) as client:
            before = [each.text for each in client.translate(TEXTS)]
            (tmp_path / "bad").rename(models / "bad")
            with pytest.raises(BundleError, match="is damaged"):
                client.load_model("bad")
            with pytest.raises(BundleError):
                client.load_model("missing")
            assert [each.text for each in client.translate(TEXTS)] == before
            assert [each.version for each in client.models()] == ["1"]
    assert good.is_dir()


def test_23_a_text_that_breaks_a_step_fails_alone(poisoned: Path) -> None:
    with running(poisoned, "--workers", "1") as server:
        with grpc.insecure_channel(server.address) as channel:
            stub = server.stub(channel)
            calls = [
                stub.Translate.future(patient(text))
                for number in range(12)
                for text in ("z" if number % 4 == 0 else TEXTS[number % 3],)
            ]
            outcomes = [each.exception() or each.result() for each in calls]
        server.is_well()
        assert server.gauge("onnxlate_failed_steps_total") > 0

    for number, outcome in enumerate(outcomes):
        if number % 4 == 0:
            assert isinstance(outcome, grpc.RpcError)
            assert outcome.code() is grpc.StatusCode.INTERNAL
        else:
            [result] = outcome.results
            assert result.hypotheses[0].text == server.answers[number % 3]


HANGING = """
import sys, threading
from onnxlate_serving.runner import OnnxRunner
from onnxlate.cli import main
run, steps, limit = OnnxRunner.run, [], int(sys.argv.pop(1))
def hangs(self, step):
    steps.append(step)
    if len(steps) > limit:
        threading.Event().wait()
    return run(self, step)
OnnxRunner.run = hangs
main("serve")
"""


def test_24_an_engine_that_hangs_ends_the_server(bundle: Path) -> None:
    options = ("--hang-seconds", "2", "--announce-seconds", "0.2")
    command = (sys.executable, "-c", HANGING, "40")
    with server_process(bundle, *ANYWHERE, *options, command=command) as process:
        address = process.wait_ready()
        retries_off = [("grpc.enable_retries", 0)]
        with grpc.insecure_channel(address, retries_off) as channel:
            server = Running(process, address, "", [])
            refusal = refused(server.stub(channel).Translate, patient(*long_texts(4)))
        assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert process.wait(20) == 1
    assert "hangs and is given up" in process.log


def test_26_a_port_in_use_is_an_error_and_not_a_share_of_it(bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--listen", "--metrics"):
            with server_process(bundle, *ANYWHERE, option, place) as process:
                assert process.wait() == 2
            assert "the port is in use" in process.log


def test_27_the_first_sigterm_drains_and_the_second_does_not_wait(bundle: Path) -> None:
    with (
        running(bundle, "--max-rows", "1", "--workers", "1") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        held = server.stub(channel).Translate.future(patient(*long_texts(256)))
        wait_until(lambda: server.gauge("onnxlate_rows_in_use") > 0)
        server.process.send(signal.SIGTERM)
        time.sleep(0.2)
        server.process.send(signal.SIGTERM)
        status = server.process.wait(10)
        assert held.done() or held.exception() is not None
    assert status == 128 + signal.SIGTERM


def test_29_nothing_reads_a_clock_that_may_be_set() -> None:
    folder = Path(onnxlate_serving.__file__).parent
    clocks = re.compile(
        r"\btime\.time(_ns)?\(|datetime\.(now|utcnow|today)|date\.today"
    )
    readers = [
        path.name for path in folder.rglob("*.py") if clocks.search(path.read_text())
    ]
    assert readers == ["traces.py"]  # tells collectors the time, and heeds it not


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_30_a_full_disk_for_the_log_stops_nobody(bundle: Path) -> None:
    place = free_place()
    with (
        open("/dev/full", "w") as full,
        server_process(
            bundle, "--listen", place, "--log-calls", stderr=full
        ) as process,
        Client(place) as client,
    ):
        client.wait_until_ready(30)
        for _ in range(50):
            assert len(client.translate(TEXTS)) == len(TEXTS)
        process.send(signal.SIGTERM)
        assert process.wait() == 0


def test_30_a_log_that_nobody_reads_stops_nobody(bundle: Path) -> None:
    place = free_place()
    # 64 kB of a pipe's room are soon full, at some 300 bytes a call.
    with server_process(
        bundle, "--listen", place, "--log-calls", "--max-cached", "0"
    ) as process:
        with Client(place, timeout_s=10) as client:
            client.wait_until_ready(30)
            for _ in range(600):
                assert len(client.translate(["one"])) == 1
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    assert len(process.log) > 60_000


def test_30_junk_at_the_metrics_port_is_nobodys_business(server: Running) -> None:
    host, port = server.metrics.removeprefix("http://").rsplit(":", 1)

    def junk(number: int) -> None:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(os.urandom(1 << (number % 16)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(junk, range(100)))
    assert page_of(f"{server.metrics}/metrics")[0] == 200
