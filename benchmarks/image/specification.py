"""What runc is told of a container, from what the image says of itself.

As `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would have
it. The format is that of the OCI's runtime specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnxlate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said at `docker run`."""

    command: Sequence[str] = ()
    """Instead of the image's CMD."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files and folders of ours that are mounted read-only, by their place inside."""

    scratch: Sequence[str] = ()
    """Folders inside that can be written, and are empty (`--tmpfs`)."""


def specification(
    draft: dict[str, Any],
    settings: Mapping[str, Any],
    root: Path,
    network: Path,
    wishes: Wishes,
) -> dict[str, Any]:
    """`draft` is what `runc spec` prints; `settings` are the image's."""
    uid, gid = user_of(settings.get("User") or "0", root)
    command = wishes.command or settings.get("Cmd") or ()
    given = [f"{name}={value}" for name, value in wishes.environment.items()]
    nothing: dict[str, list[str]] = {
        name: [] for name in draft["process"]["capabilities"]
    }
    process = draft["process"] | {
        "terminal": False,
        "user": {"uid": uid, "gid": gid},
        "args": [*(settings.get("Entrypoint") or ()), *command],
        "env": [*(settings.get("Env") or ()), *given],
        "cwd": settings.get("WorkingDir") or "/",
        "capabilities": nothing,
        "noNewPrivileges": True,
    }
    namespaces = [
        {**each, "path": str(network)} if each["type"] == "network" else each
        for each in draft["linux"]["namespaces"]
    ]
    return draft | {
        "process": process,
        "root": {"path": str(root), "readonly": True},
        "mounts": [*draft["mounts"], *_mounts(wishes)],
        "linux": draft["linux"] | {"namespaces": namespaces},
    }


def user_of(named: str, root: Path) -> tuple[int, int]:
    """The numbers of a user and its group; raises ConfigError for a name."""
    uid, _, group = named.partition(":")
    if not (uid.isdecimal() and (group or "0").isdecimal()):
        raise ConfigError(
            f"the image's user is {named!r}; only a number tells whoever runs it that "
            "it is not root (Kubernetes: runAsNonRoot)"
        )
    if group:
        return int(uid), int(group)
    for line in (root / "etc" / "passwd").read_text().splitlines():
        _, _, number, gid, *_ = line.split(":")
        if number == uid:
            return int(uid), int(gid)
    return int(uid), 0


def _mounts(wishes: Wishes) -> list[dict[str, Any]]:
    options = ["ro", "rbind", "nosuid", "nodev"]
    files = [
        {"destination": place, "type": "bind", "source": str(ours), "options": options}
        for place, ours in wishes.files.items()
    ]
    scratch = [
        {
            "destination": place,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "noexec", "mode=1777", "size=64m"],
        }
        for place in wishes.scratch
    ]
    return files + scratch
