"""Servers on addresses of their own, replaced as a Deployment replaces its pods."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from onnxlate.local_server import ServerProcess

from ..endurance.target import Unfit, command, free_port
from .names import Names


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, as deploy/kubernetes has them."""

    min_ready: float
    """A new pod has to be ready for so long before an old one goes."""
    pre_stop: float
    """From when a pod's name is gone until it gets SIGTERM."""
    announce: float
    drain: float
    connection: float
    """A connection is made anew after so long, a tenth more or less, and its client
    looks the name up again."""


@dataclass(frozen=True, slots=True)
class Pod:
    host: str
    server: ServerProcess


class Pods:
    """A name, a port, and servers behind them, each on an address of 127.0.0.0/8."""

    def __init__(
        self, bundle: Path | None, timing: Timing, names: Names, stack: ExitStack
    ) -> None:
        self._bundle = bundle
        self._timing = timing
        self._names = names
        self._stack = stack
        self._pods: list[Pod] = []
        self._numbers = count(1)
        self._lock = threading.Lock()
        # A network for each process, should several run at once.
        high, low = divmod(os.getpid(), 250)
        self._network = f"127.{1 + high % 250}.{1 + low}"
        self.port = free_port()
        self._leaving: list[ServerProcess] = []

    def start(self) -> None:
        """Returns when it is ready, and its name known; threads may do so together."""
        host = f"{self._network}.{1 + next(self._numbers) % 250}"
        options = {
            "--listen": f"{host}:{self.port}",
            "--workers": "1",
            "--max-cached": "0",
            "--announce-seconds": str(self._timing.announce),
            "--drain-seconds": str(self._timing.drain),
            "--connection-seconds": str(self._timing.connection),
        }
        flat = (word for option in options.items() for word in option)
        server = self._stack.enter_context(ServerProcess(command(self._bundle, *flat)))
        with self._lock:
            self._pods.append(Pod(host, server))
            self._names.add(host)

    def replace_all(self) -> None:
        """A new one first, then an old one goes: maxSurge 1, maxUnavailable 0."""
        for old in list(self._pods):
            self.start()
            time.sleep(self._timing.min_ready)
            self._dismiss(old)

    def kill_all(self) -> None:
        """One after the other dies without a word, and another takes its place."""
        for old in list(self._pods):
            os.kill(old.server.pid, signal.SIGKILL)
            self._pods.remove(old)
            self._names.remove(old.host)
            self.start()
            time.sleep(self._timing.min_ready)

    def wait_gone(self) -> None:
        """Until all who were dismissed have; raises Unfit if they did not end well."""
        timing = self._timing
        end = time.monotonic() + timing.pre_stop + timing.announce + timing.drain + 10
        while any(each.exit_status is None for each in self._leaving):
            if time.monotonic() > end:
                raise Unfit("a server that was told to go is still there")
            time.sleep(0.05)
        if statuses := [each.exit_status for each in self._leaving if each.exit_status]:
            raise Unfit(f"servers that were told to go ended with {statuses}")

    def _dismiss(self, pod: Pod) -> None:
        """Its name goes at once, and it with it, in its own time."""
        self._pods.remove(pod)
        self._names.remove(pod.host)

        def leave() -> None:
            time.sleep(self._timing.pre_stop)
            os.kill(pod.server.pid, signal.SIGTERM)

        self._leaving.append(pod.server)
        threading.Thread(target=leave, daemon=True).start()


@contextmanager
def pods(
    bundle: Path | None, replicas: int, timing: Timing, names: Names
) -> Iterator[Pods]:
    with ExitStack() as stack:
        them = Pods(bundle, timing, names, stack)
        with ThreadPoolExecutor(replicas) as pool:
            for done in [pool.submit(them.start) for _ in range(replicas)]:
                done.result()
        yield them
