"""torchrun on a host, and the processes that it starts."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from onnxlate.errors import ServerFailure

from .network import CARD, Host

PORT = 29500

LOST_AFTER = 15.0
"""Seconds; the default is minutes, and this is to be watched."""

RENDEZVOUS = "last_call_timeout=5,keep_alive_interval=2"
"""How long it waits for more hosts, and between signs of life. By itself it knows a
host by the name of its machine, and both have the same here: hence is_host."""

ENVIRONMENT = {
    **{"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": CARD},
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # as several-nodes.sh has it
}

DEADLINE = 600.0
"""Seconds for anything here."""


@dataclass
class Launcher:
    """One host's torchrun."""

    host: Host
    process: "subprocess.Popen[bytes]"
    output: Path

    def workers(self) -> list[int]:
        """The process numbers of those that train."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(each) for each in children]

    def kill_workers(self) -> None:
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """All of them at once, as when the power goes."""
        workers = self.workers() if self.process.poll() is None else []
        self.process.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Its exit status; raises ServerFailure if there is none for too long."""
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired as cause:
            raise ServerFailure(f"{self.host.name} goes on: {self.said()}") from cause

    def said(self) -> str:
        return self.output.read_text()[-2000:]


def start(
    host: Host, leader: Host, nodes: str, recipe: Path, run: Path, *changes: str
) -> Launcher:
    """`nodes` is torchrun's: "2", or "1:2" if one may go on alone."""
    options = [
        *("--nnodes", nodes, "--nproc-per-node", "1", "--max-restarts", "3"),
        *("--rdzv-backend", "c10d", "--rdzv-id", run.name),
        *("--rdzv-endpoint", f"{leader.address}:{PORT}", "--local-addr", host.address),
        *("--rdzv-conf", f"{RENDEZVOUS},is_host={int(host == leader)}"),
        *("-m", "onnxlate", "train", str(recipe), "-o", str(run), "--resume"),
        *("--set", f"train.lost_after={LOST_AFTER}"),
    ]
    for change in changes:
        options += ["--set", change]
    output = run.with_name(f"{run.name}-{host.name}-{time.monotonic_ns()}.output")
    with output.open("wb") as file:
        process = subprocess.Popen(
            host.command(sys.executable, "-m", "torch.distributed.run", *options),
            env={**os.environ, **ENVIRONMENT},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Launcher(host, process, output)
