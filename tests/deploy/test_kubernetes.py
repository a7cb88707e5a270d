"""The manifests are what Kubernetes reads, and say what the server is."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import kubernetes_validate
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.rolling.manifest import shipped_timing
from onnxlate.bundle import Bundle
from onnxlate_serving.config import ServerConfig
from tests.serving.serving import ANYWHERE
from tests.serving.web import fetch, running

from .arguments import parsed
from .manifests import ENVOY, KUBERNETES, Resource, built, one, pod_of, seconds_to_leave

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPONENTS = [KUBERNETES / "tls", KUBERNETES / "bundle"]
VARIANTS = {
    "servers": built(KUBERNETES),
    "servers with tls": built(KUBERNETES, COMPONENTS[:1]),
    "servers with a bundle": built(KUBERNETES, COMPONENTS[1:]),
    "servers with both": built(KUBERNETES, COMPONENTS),
    "servers with both the other way": built(KUBERNETES, COMPONENTS[::-1]),
    "envoy": built(ENVOY),
}
SERVERS = [name for name in VARIANTS if name.startswith("servers")]


@pytest.fixture(params=SERVERS)
def pod(request: pytest.FixtureRequest) -> dict[str, Any]:
    return pod_of(one(VARIANTS[request.param], "Deployment"))


@pytest.fixture
def server(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["containers"]
    return dict(container)


def flags(container: dict[str, Any]) -> dict[str, str]:
    found = (arg.partition("=") for arg in container["args"] if arg.startswith("--"))
    return {name.removeprefix("--"): value for name, _, value in found}


@pytest.mark.parametrize("name", VARIANTS)
def test_kubernetes_knows_every_field(name: str) -> None:
    for resource in VARIANTS[name]:
        for version in ("1.30", "1.37"):  # the least, and the newest that is known
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    deployment = one(built(KUBERNETES), "Deployment")
    deployment["spec"]["template"]["spec"]["graceSeconds"] = 5
    with pytest.raises(kubernetes_validate.ValidationError, match="graceSeconds"):
        kubernetes_validate.validate(deployment, "1.37", strict=True)


def test_they_are_what_kubectl_makes_of_them(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("there is no kubectl here to compare with")
    for number, components in enumerate(([], *([c] for c in COMPONENTS), COMPONENTS)):
        # Paths must be relative, and such as lead from here to there.
        for name in ("kubernetes", "envoy"):
            shutil.copytree(KUBERNETES.parent / name, tmp_path / str(number) / name)
        overlay = tmp_path / str(number) / "kustomization.yaml"
        places = [f"kubernetes/{each.name}" for each in components]
        overlay.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "resources": ["kubernetes"],
                    "components": places,
                }
            )
        )
        done = subprocess.run(
            [kubectl, "kustomize", overlay.parent], capture_output=True, check=True
        )
        theirs = {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}
        assert theirs == {each["kind"]: each for each in built(KUBERNETES, components)}


def test_the_servers_arguments_are_arguments_of_ours(server: dict[str, Any]) -> None:
    given = parsed(server["args"])

    assert given["listen"].startswith("0.0.0.0:")
    assert given["insecure"] == (given["tls_certificate"] is None)
    assert {name.replace("-", "_") for name in flags(server)} <= set(given)


def test_files_that_it_is_told_of_are_mounted_and_nothing_can_be_written(
    pod: dict[str, Any], server: dict[str, Any]
) -> None:
    mounts = {m["mountPath"]: m for m in server.get("volumeMounts", ())}
    files = [value for value in flags(server).values() if value.startswith("/")]
    files += [arg for arg in server["args"] if arg.startswith("/")]
    for file in files:
        assert any(file.startswith(f"{place}/") for place in mounts), file
    assert all(mount["readOnly"] for mount in mounts.values())
    assert {m["name"] for m in mounts.values()} == {
        volume["name"] for volume in pod.get("volumes", ())
    }


def test_nobody_is_root_anywhere(pod: dict[str, Any]) -> None:
    [user] = set(re.findall(r"(?:--uid|^USER) (\d+)", DOCKERFILE, re.MULTILINE))

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    for each in (*pod["containers"], *pod.get("initContainers", ())):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(each["resources"]["limits"])


def test_envoy_is_not_root_either() -> None:
    pod = pod_of(one(VARIANTS["envoy"], "Deployment"))
    test_nobody_is_root_anywhere(pod)


def test_the_ports_are_those_that_it_listens_on(server: dict[str, Any]) -> None:
    ports = {each["name"]: each["containerPort"] for each in server["ports"]}
    listens = {
        name: int(flags(server)[flag].rpartition(":")[2])
        for name, flag in (("grpc", "listen"), ("metrics", "metrics"))
    }

    assert ports == listens
    assert f"EXPOSE {ports['grpc']}" in DOCKERFILE


def references(resources: list[Resource]) -> Iterator[tuple[str, Any]]:
    """Where selectors and ports are named outside of a pod, and what they name."""
    for each in resources:
        match each["kind"]:
            case "Service":
                yield "labels", each["spec"]["selector"]
                for port in each["spec"]["ports"]:
                    yield "port", port["targetPort"]
            case "PodDisruptionBudget":
                yield "labels", each["spec"]["selector"]["matchLabels"]
            case "NetworkPolicy":
                yield "labels", each["spec"]["podSelector"]["matchLabels"]
                for rule in each["spec"]["ingress"]:
                    for port in rule["ports"]:
                        yield "port", port["port"]
            case "HorizontalPodAutoscaler":
                yield "name", each["spec"]["scaleTargetRef"]["name"]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_names_the_pods_names_them_rightly(name: str) -> None:
    resources = VARIANTS[name]
    deployment = one(resources, "Deployment")
    [container] = pod_of(deployment)["containers"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {each["name"] for each in container["ports"]}

    assert deployment["spec"]["selector"]["matchLabels"] == labels
    found = list(references(resources))
    assert {kind for kind, _ in found} >= {"labels", "port"}
    for kind, value in found:
        match kind:
            case "labels":
                assert value == labels
            case "port":
                assert value in ports
            case "name":
                assert value == deployment["metadata"]["name"]


def test_there_is_time_to_drain(pod: dict[str, Any], server: dict[str, Any]) -> None:
    given = parsed(server["args"])
    leaving = seconds_to_leave(server) + given["announce_seconds"]

    assert pod["terminationGracePeriodSeconds"] >= (
        leaving + given["drain_seconds"] + 5
    )
    probe = server["livenessProbe"]
    # What the server ends by itself with a word in the log, nobody else should end.
    assert probe["periodSeconds"] * probe["failureThreshold"] > (
        given["announce_seconds"] + given["drain_seconds"]
    )


def test_envoy_has_time_to_drain() -> None:
    pod = pod_of(one(VARIANTS["envoy"], "Deployment"))
    [container] = pod["containers"]
    [server] = pod_of(one(VARIANTS["servers"], "Deployment"))["containers"]

    leaving = seconds_to_leave(container)
    assert pod["terminationGracePeriodSeconds"] >= leaving + 5
    # A call has the same time whichever of both is leaving.
    assert leaving >= parsed(server["args"])["drain_seconds"]


def test_a_rollout_waits_until_everyone_knows_of_the_new_server() -> None:
    timing = shipped_timing()
    name_servers_remember = 30  # CoreDNS as kubeadm sets it up
    renewed = 1.1 * timing.connection  # gRPC takes up to a tenth more

    assert timing.min_ready >= name_servers_remember + renewed


async def test_probes_ask_what_the_server_answers(bundle: Bundle) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE)
    probes = [
        container[name]
        for variant in SERVERS
        for container in pod_of(one(VARIANTS[variant], "Deployment"))["containers"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    ]
    services = {probe["grpc"]["service"] for probe in probes if "grpc" in probe}
    pages = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
    assert services
    assert pages
    async with (
        running(config) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        for service in services:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        for page in pages:
            assert await fetch(server.server, page) == (200, "ok\n")


def test_the_autoscaler_asks_for_what_the_adapter_has() -> None:
    adapter = yaml.safe_load((KUBERNETES / "monitoring" / "adapter.yaml").read_text())
    names = {rule["name"]["as"] for rule in adapter["rules"]["custom"]}
    metrics = one(VARIANTS["servers"], "HorizontalPodAutoscaler")["spec"]["metrics"]

    assert {
        m["pods"]["metric"]["name"] for m in metrics if m["type"] == "Pods"
    } == names


def test_prometheus_calls_the_job_what_alerts_and_dashboard_call_it() -> None:
    folder = KUBERNETES / "monitoring"
    monitor = one(built(folder), "PodMonitor")["spec"]
    pod = one(VARIANTS["servers"], "Deployment")["spec"]["template"]
    labels = pod["metadata"]["labels"]
    [endpoint] = monitor["podMetricsEndpoints"]

    assert monitor["selector"]["matchLabels"] == labels
    assert (
        f'job="{labels[monitor["jobLabel"]]}"'
        in (KUBERNETES.parent / "alerts.yaml").read_text()
    )
    ports = {each["name"] for each in pod["spec"]["containers"][0]["ports"]}
    assert endpoint["port"] in ports
