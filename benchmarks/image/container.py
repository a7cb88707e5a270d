"""A container that runs: what it says, what can be done in it, and how it ends."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from onnxlate.errors import OnnxlateError
from onnxlate.health import check

from ..endurance.target import Unfit
from .shell import run
from .specification import Wishes, specification

PATIENCE_S = 60.0
"""For it to start; the bar is lower, but what it took should be known."""

LOOK_S = 0.02


class Container:
    """Of runc, with a root that is read-only and an address of its own."""

    def __init__(self, name: str, work: Path, bundle: Path) -> None:
        self._program = ("runc", "--root", str(work / "runc"))
        self._name = name
        self._log = bundle / "log"
        self._began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._program, "run", "--bundle", str(bundle), name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Of its first process, as we count them."""
        state = run(*self._program, "state", self._name)
        return int(json.loads(state)["pid"])

    @property
    def said(self) -> str:
        return self._log.read_text()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As `docker exec`: with its user and environment."""
        return subprocess.run(
            [*self._program, "exec", self._name, *command],
            capture_output=True,
            text=True,
            check=False,
        )

    def wait_until_healthy(self, command: Sequence[str]) -> float:
        """Seconds since its start until a command inside it says so."""
        while (tried := self.inside(*command)).returncode:
            self._require_life(tried.stderr.strip())
        return time.monotonic() - self._began

    def wait_until_ready(self, host: str, port: int) -> float:
        """Seconds since its start until it says SERVING to us, who are outside."""
        while True:
            try:
                # A look that costs nothing, lest it be slowed by being watched.
                socket.create_connection((host, port), timeout=1).close()
                check(f"{host}:{port}")
            except (OSError, OnnxlateError) as error:
                self._require_life(str(error))
                time.sleep(LOOK_S)
            else:
                return time.monotonic() - self._began

    def terminate(self) -> None:
        run(*self._program, "kill", self._name, "TERM")

    def wait(self, seconds: float) -> int:
        """Its exit status; raises Unfit if it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Unfit(f"it has not ended after {seconds:g} s") from None

    def discard(self) -> None:
        """Ends it, if need be at once."""
        subprocess.run(
            [*self._program, "delete", "--force", self._name],
            capture_output=True,
            check=False,
        )
        self._process.wait()

    def _require_life(self, complaint: str) -> None:
        """Raises Unfit if it has ended, or waiting for it has no end."""
        said = self.said.strip()[-500:]
        status = self._process.poll()
        if status is not None:
            raise Unfit(f"it ended with {status}: {said}")
        if time.monotonic() - self._began > PATIENCE_S:
            raise Unfit(f"after {PATIENCE_S:g} s: {complaint}; it said {said}")


@contextmanager
def running(
    work: Path,
    root: Path,
    network: Path,
    settings: Mapping[str, Any],
    wishes: Wishes,
) -> Iterator[Container]:
    name = f"onnxlate-{os.getpid()}"
    bundle = work / "bundle"
    bundle.mkdir(exist_ok=True)
    config = bundle / "config.json"
    config.unlink(missing_ok=True)
    run("runc", "spec", "--bundle", bundle)
    told = specification(
        json.loads(config.read_text()), settings, root, network, wishes
    )
    config.write_text(json.dumps(told, indent=2))
    container = Container(name, work, bundle)
    try:
        yield container
    finally:
        container.discard()
