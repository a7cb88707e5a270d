"""Ray on one machine: beside our server, and two nodes of which one is killed.

    python -m benchmarks.ray_cluster FIGURES SETTINGS

It is run in a network namespace of its own (ray_command.py): Ray's ports are many, and
open to whoever is on the network.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from onnxlate.client import Client
from onnxlate.demo import EXAMPLES
from onnxlate.errors import OnnxlateError, Unavailable
from onnxlate.local_server import ServerProcess

from .cpu_time import PROC, of_process
from .endurance.target import Unfit, command
from .ray_overhead import Side, overhead

HEAD, WORKER = 19000, 19001
"""Ports of the proxies."""

SETTLE_S = 2.0
"""Between a node's coming and its end."""

START_S = 300.0
"""For a node and its replica to come up."""

PAUSE_S = 0.01
"""Of each caller behind each answer, so that a small machine can start a node."""

NODE_ATTEMPTS = 3
"""A new node that is slow to report gets another try."""


class Caller(threading.Thread):
    """Asks without a pause, and notes every answer that is lost or another."""

    def __init__(self, address: str, expected: dict[str, str], offset: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(address, timeout_s=60)
        self._expected = expected
        self._texts = islice(cycle(expected), offset, None)
        self.over = threading.Event()
        self.answers = 0
        self.again = 0
        """Answers for which it was asked twice, by us and not by gRPC."""
        self.longest_s = 0.0
        self.lost: list[str] = []

    def run(self) -> None:
        for text in self._texts:
            if self.over.is_set():
                self.client.close()
                return
            began = time.monotonic()
            try:
                answer = self.ask(text)
            except OnnxlateError as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                continue
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            time.sleep(PAUSE_S)
            self.answers += 1
            if answer != self._expected[text]:
                self.lost.append("another answer than before")

    def ask(self, text: str) -> str:
        [answer] = self.client.translate([text])
        return answer.text


class Listener(Caller):
    """Streams, which no client asks again by itself."""

    def ask(self, text: str) -> str:
        said = "".join(self.client.stream(text))
        return said


class PatientListener(Listener):
    """Asks once more for a stream that ended with its proxy."""

    def ask(self, text: str) -> str:
        for pause_s in (0.1, 0.5, 1.0, 2.0):
            try:
                return super().ask(text)
            except Unavailable:
                self.again += 1
                time.sleep(pause_s)
        return super().ask(text)


OURS = "onnxlate_serving.ray_proxy.add_to_proxy"
GENERATED = "onnxlate.v1.translation_pb2_grpc.add_TranslationServiceServicer_to_server"


@contextmanager
def cluster(folder: Path, servicer: str) -> Iterator[Any]:
    """A head and nothing else yet; both kinds of node have room for one replica."""
    os.environ |= {
        "RAY_SERVE_WORKER_PROXY_GRPC_PORT": str(WORKER),
        "RAY_SERVE_WORKER_PROXY_HTTP_PORT": "18001",
        # So that each proxy has calls at both replicas, and not at its own node's.
        "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0" * 64,
    }
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 1,
        "include_dashboard": False,
        "object_store_memory": 80_000_000,
    }
    (folder / "ray").mkdir()  # where a cluster of one machine writes its address
    nodes = Cluster(initialize_head=True, head_node_args=head)
    try:
        ray.init(address=nodes.address, log_to_driver=False)
        serve.start(
            proxy_location="EveryNode",
            http_options={"host": "127.0.0.1", "port": 18000},
            grpc_options={
                "port": HEAD,
                "grpc_servicer_functions": [servicer],
            },
        )
        yield nodes
        serve.shutdown()
    finally:
        ray.shutdown()
        nodes.shutdown()


def joined(nodes: Any) -> Any:
    """Another node, once its replica and its proxy answer."""
    node = _another_node(nodes)
    deadline = time.monotonic() + START_S
    while _running() < 2:
        if time.monotonic() > deadline:
            raise Unfit(f"a second replica did not come up within {START_S:g} s")
        time.sleep(0.2)
    with Client(f"127.0.0.1:{WORKER}") as client:
        client.wait_until_ready(60)
    time.sleep(SETTLE_S)
    return node


def _another_node(nodes: Any) -> Any:
    for attempt in range(NODE_ATTEMPTS):
        try:
            return nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
        except Exception:  # as Ray has it
            if attempt == NODE_ATTEMPTS - 1:
                raise


def _running() -> int:
    from ray import serve

    [deployment] = serve.status().applications["default"].deployments.values()
    states = deployment.replica_states
    return sum(number for state, number in states.items() if state == "RUNNING")


def beside_our_server(bundle: Path | None, rounds: int) -> dict[str, object]:
    _run(bundle, replicas=1)
    options = ("--workers", "1", "--threads", "1", "--max-cached", "0")
    listening = ("--listen", "127.0.0.1:0")
    with ServerProcess(command(bundle, *options, *listening)) as server:
        sides = (
            Side("ray", f"127.0.0.1:{HEAD}", lambda: _cpu_of_ray({server.pid})),
            Side("ours", server.address, lambda: of_process(server.pid)),
        )
        return overhead(sides, EXAMPLES, rounds)


def _cpu_of_ray(others: set[int]) -> float:
    """Of all processes but ours; there are none else here (ray_command.py)."""
    numbers = {int(each.name) for each in PROC.iterdir() if each.name.isdecimal()}
    return sum(of_process(each) for each in numbers - others - {os.getpid()})


def _run(bundle: Path | None, replicas: int) -> None:
    from ray import serve

    from onnxlate_serving.ray_app import RayArgs, app

    args = RayArgs(
        bundle=bundle,
        min_replicas=replicas,
        max_replicas=replicas,
        max_cached=0,
        health_check_period_s=1,
    )
    serve.run(app(args))


def killed_under_load(
    nodes: Any, bundle: Path | None, num_answers: int, num_kills: int
) -> dict[str, object]:
    node = _another_node(nodes)
    _run(bundle, replicas=2)
    expected: dict[str, str] = {}
    both = f"127.0.0.1:{HEAD},127.0.0.1:{WORKER}"
    with Client(f"127.0.0.1:{HEAD}") as client:
        client.wait_until_ready(60)
        answers = client.translate(EXAMPLES)
        expected |= zip(EXAMPLES, (each.text for each in answers), strict=True)
    callers: dict[str, list[Caller]] = {
        "unary_over_both_proxies": [Caller(both, expected, n) for n in range(3)],
        "unary_over_the_head": [Caller(f"127.0.0.1:{HEAD}", expected, 3)],
        "streams_over_the_head": [
            Listener(f"127.0.0.1:{HEAD}", expected, n) for n in range(3)
        ],
        "streams_over_both_proxies": [PatientListener(both, expected, 1)],
    }
    everyone = [each for group in callers.values() for each in group]
    for each in everyone:
        each.start()
    kills = 0
    try:
        time.sleep(SETTLE_S)
        while kills < num_kills or sum(c.answers for c in everyone) < num_answers:
            nodes.remove_node(node, allow_graceful=False)
            kills += 1
            node = joined(nodes)
    finally:
        for each in everyone:
            each.over.set()
        for each in everyone:
            each.join(90)
    lost = [words for each in everyone for words in each.lost]
    figures: dict[str, object] = {
        "kills_of_a_node": kills,
        "answers": sum(each.answers for each in everyone),
        **{
            name: sum(each.answers for each in group) for name, group in callers.items()
        },
        "streams_asked_again_by_the_caller": sum(each.again for each in everyone),
        "lost_or_wrong": len(lost),
        "longest_call_s": round(max(each.longest_s for each in everyone), 2),
    }
    return figures | ({"the_first_lost": lost[0]} if lost else {})


def main() -> None:
    figures_file, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    bundle = Path(settings["bundle"]) if settings["bundle"] else None
    servicer = GENERATED if settings["plain"] else OURS
    figures: dict[str, object] = {}
    with (
        TemporaryDirectory(prefix="ray") as folder,
        cluster(Path(folder), servicer) as nodes,
    ):
        if settings["rounds"]:
            figures |= beside_our_server(bundle, settings["rounds"])
        if settings["kills"]:
            figures |= killed_under_load(
                nodes, bundle, settings["answers"], settings["kills"]
            )
    figures_file.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
