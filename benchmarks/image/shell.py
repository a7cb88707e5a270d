"""The programs that build and run images, as they are called here."""

import os
import shutil
import subprocess
from pathlib import Path

from onnxlate.errors import ConfigError

from ..endurance.target import Unfit

NEEDED = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "runc": "runc",
}
"""Programs, and Debian's packages that have them."""


def require_all() -> None:
    """Raises ConfigError where something is missing that only root can have."""
    missing = [package for name, package in NEEDED.items() if not shutil.which(name)]
    if missing:
        raise ConfigError(
            f"the image is proved with {', '.join(missing)}, not installed here: "
            f"apt-get install --no-install-recommends {' '.join(missing)}"
        )
    if os.geteuid() != 0:
        raise ConfigError("namespaces and images are root's to make; run this as root")


def run(*command: str | Path, log: Path | None = None) -> str:
    """What it printed; raises Unfit with its last words if it failed.

    With `log`, all it says is written there, too.
    """
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, check=False
    )
    if log:
        log.write_text(done.stdout + done.stderr)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise Unfit(
            f"{command[0]} failed with {done.returncode}: {' / '.join(words)}"
            + (f" ({log} has the rest)" if log else "")
        )
    return done.stdout.strip()
