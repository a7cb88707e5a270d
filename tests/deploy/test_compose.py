"""The Compose file is one, and its parts know each other."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.rolling.envoy import endpoint

from .arguments import parsed
from .manifests import DEPLOY, ENVOY, built, one, pod_of

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
SERVER = parsed(SERVICES["onnxlate"]["command"])


def ports_of_envoy() -> dict[str, int]:
    config = yaml.safe_load((ENVOY / "envoy.yaml").read_text())
    listeners = config["static_resources"]["listeners"]
    return {
        each["name"]: each["address"]["socket_address"]["port_value"]
        for each in listeners
    }


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def validated(file: Path) -> "subprocess.CompletedProcess[str]":
    tool = str(Path(sys.executable).with_name("check-jsonschema"))
    return subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
    )


def test_it_is_a_compose_file(tmp_path: Path) -> None:
    assert validated(DEPLOY / "compose.yaml").returncode == 0

    broken = tmp_path / "compose.yaml"
    broken.write_text((DEPLOY / "compose.yaml").read_text() + "servers: {}\n")
    assert "servers" in validated(broken).stdout


def test_the_server_listens_where_envoy_and_prometheus_look() -> None:
    envoy = one(built(ENVOY), "Deployment")
    config = yaml.safe_load((ENVOY / "envoy.yaml").read_text())
    place = endpoint(config["static_resources"]["clusters"][0])
    servers, proxy = PROMETHEUS["scrape_configs"]
    [names] = servers["dns_sd_configs"]

    assert place == {"address": "onnxlate", "port_value": port_of(SERVER["listen"])}
    assert names["names"] == ["onnxlate"]
    assert names["port"] == port_of(SERVER["metrics"])
    [scraped] = [t for each in proxy["static_configs"] for t in each["targets"]]
    assert scraped == f"envoy:{ports_of_envoy()['status']}"
    [port] = SERVICES["envoy"]["ports"]
    assert port == "127.0.0.1:{0}:{0}".format(ports_of_envoy()["grpc"])
    [container] = pod_of(envoy)["containers"]
    assert SERVICES["envoy"]["image"] == container["image"]


def test_there_is_time_to_drain() -> None:
    grace = float(SERVICES["onnxlate"]["stop_grace_period"].removesuffix("s"))

    assert grace >= SERVER["announce_seconds"] + SERVER["drain_seconds"] + 5


def test_whatever_is_mounted_is_there_and_read_only() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source, target, *mode = (
                mount.replace("${ONNXLATE_BUNDLE:-", "").replace("}", "").split(":")
            )
            if source in COMPOSE["volumes"]:
                continue
            assert mode == ["ro"]
            assert (DEPLOY / source).exists(), source
            assert target.startswith("/")


def test_nobody_has_powers_and_ports_are_this_machine_s() -> None:
    for service in SERVICES.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_nobody_logs_in_to_grafana_by_a_known_password() -> None:
    settings = SERVICES["grafana"]["environment"]

    assert settings["GF_AUTH_BASIC_ENABLED"] == "false"
    assert settings["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_the_server_gets_the_bundle_that_is_mounted() -> None:
    [mount] = SERVICES["onnxlate"]["volumes"]

    assert [str(path) for path in SERVER["bundles"]] == [mount.split(":")[-2]]


def test_the_job_is_called_what_alerts_call_it() -> None:
    alerts = (DEPLOY / "alerts.yaml").read_text()
    job = PROMETHEUS["scrape_configs"][0]["job_name"]

    assert f'up{{job="{job}"}}' in alerts
    assert PROMETHEUS["rule_files"] == ["alerts.yaml"]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    source: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "grafana" / "datasource.yaml").read_text()
    )
    provider = yaml.safe_load((DEPLOY / "grafana" / "dashboards.yaml").read_text())

    [database] = source["datasources"]
    assert database["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES
    [folder] = [each["options"]["path"] for each in provider["providers"]]
    home = SERVICES["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert mounts["./grafana-dashboard.json"] == home
    assert home.startswith(f"{folder}/")
