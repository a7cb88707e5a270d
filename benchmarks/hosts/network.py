"""Two hosts on one machine: network namespaces with a cable between them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from onnxlate.cli.files import ended_by_way_of_finally
from onnxlate.errors import ConfigError

CARD = "wire"
"""The network interface's name, on each host."""


@dataclass(frozen=True)
class Host:
    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """What runs the words on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def cable(self, plugged: bool) -> None:
        _ip("-n", self.name, "link", "set", CARD, "up" if plugged else "down")


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Both are gone at the end, whatever happens; raises ConfigError if not root."""
    if os.geteuid() != 0:
        raise ConfigError("hosts are network namespaces, which root alone can make")
    # Nobody else's: the numbers of processes differ, and so do their subnets.
    pid = os.getpid()
    subnet = f"10.{64 + pid // 250 % 64}.{pid % 250}"
    hosts = (
        Host(f"onnxlate-{pid}-a", f"{subnet}.1"),
        Host(f"onnxlate-{pid}-b", f"{subnet}.2"),
    )
    with ended_by_way_of_finally():
        try:
            for host in hosts:
                _ip("netns", "add", host.name)
            one, other = (host.name for host in hosts)
            _ip(
                *("link", "add", CARD, "netns", one, "type", "veth"),
                *("peer", "name", CARD, "netns", other),
            )
            for host in hosts:
                _ip(
                    "-n", host.name, "address", "add", f"{host.address}/24", "dev", CARD
                )
                _ip("-n", host.name, "link", "set", "lo", "up")
                host.cable(plugged=True)
            yield hosts
        finally:
            for host in hosts:
                subprocess.run(
                    ["ip", "netns", "delete", host.name], capture_output=True
                )


def _ip(*words: str) -> None:
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as cause:
        reason = getattr(cause, "stderr", None) or cause
        raise ConfigError(f"ip {' '.join(words)}: {reason}".strip()) from cause
