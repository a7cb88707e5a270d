"""Which machine the figures are from; without it they say nothing."""

import os
import platform
import subprocess
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> str:
    """One line: the processor, how many of its cores we may use, and the system."""
    return (
        f"{_processor()}, {_num_cores()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def graphics_card() -> str:
    """The first GPU's name, as its driver says."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown GPU"
    return said.stdout.splitlines()[0].strip()


def _processor() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown processor"


def _num_cores() -> int:
    # A container may be given fewer than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
