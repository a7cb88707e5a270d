"""CPU seconds spent so far, as Linux counts them; 0 where nobody does."""

import os
from pathlib import Path

PROC = Path("/proc")


def of_process(pid: int | str = "self") -> float:
    """By all threads of the process with that number, or of this one."""
    path = PROC / str(pid) / "stat"
    if not path.exists():
        return 0.0
    # The name before the last bracket may have spaces in it.
    fields = path.read_text().rpartition(")")[2].split()
    return _seconds(int(fields[11]) + int(fields[12]))


def of_threads(pid: int) -> dict[int, float]:
    """Of each thread of that process, by its number; the first one's is the pid."""
    folders = (PROC / str(pid) / "task").glob("*")
    return {int(each.name): of_process(f"{pid}/task/{each.name}") for each in folders}


def of_machine() -> float:
    """By everybody."""
    path = PROC / "stat"
    if not path.exists():
        return 0.0
    user, nice, system, _idle, _wait, *others = map(
        int, path.read_text().splitlines()[0].split()[1:8]
    )
    return _seconds(user + nice + system + sum(others))


def _seconds(ticks: int) -> float:
    return ticks / os.sysconf("SC_CLK_TCK")
