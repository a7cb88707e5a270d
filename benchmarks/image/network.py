"""A network namespace for a container: a machine of its own, one cable away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .shell import run

OURS, THEIRS = "198.18.71.1", "198.18.71.2"
"""Of the block that is set apart for trials of network devices (RFC 2544)."""


@dataclass(frozen=True, slots=True)
class Network:
    path: Path
    """Of the namespace, for runc."""

    host: str
    """Where we find who is in it."""


@contextmanager
def network() -> Iterator[Network]:
    """Gone afterwards, cable and all."""
    name = f"onnxlate-image-{os.getpid()}"
    cable = f"ox{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        run(
            *("ip", "link", "add", cable, "type", "veth"),
            *("peer", "name", "eth0", "netns", name),
        )
        run("ip", "address", "add", f"{OURS}/30", "dev", cable)
        run("ip", "link", "set", cable, "up")
        inside = ("ip", "-netns", name)
        run(*inside, "address", "add", f"{THEIRS}/30", "dev", "eth0")
        for device in ("lo", "eth0"):
            run(*inside, "link", "set", device, "up")
        yield Network(Path("/run/netns") / name, THEIRS)
    finally:
        run("ip", "netns", "delete", name)
