"""A server and its callers, each on cores of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cores import SHARED, Split
from onnxlate.errors import ConfigError

ROOT = Path(__file__).parents[2]
OURS = sorted(os.sched_getaffinity(0))


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("many")
def test_cores_are_numbers_and_ranges() -> None:
    assert Split.parse("0,1:2-5") == Split((0, 1), (2, 3, 4, 5))
    assert Split.parse("7,3-4:3") == Split((3, 4, 7), (3,))
    assert Split.parse(None) == SHARED
    assert Split.parse("0-1:5").words == ", the server on 0,1, callers on 5"
    assert SHARED.words == ""


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("text", ["", "0", "0:", ":1", "0:x", "3-1:0", "0:1:2", "-1:0"])
def test_what_is_no_split_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not SERVER:LOAD"):
        Split.parse(text)


@pytest.mark.usefixtures("many")
def test_cores_that_are_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no core 8,9 for us; we may use 0,1,2"):
        Split.parse("0:7-9")


def test_a_system_without_them_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")

    with pytest.raises(ConfigError, match="cannot tie"):
        Split.parse("0:0")
    with SHARED.for_server(), SHARED.for_load():
        pass


def test_whoever_is_started_meanwhile_has_them() -> None:
    show = "import os; from onnxlate_serving.cpus import available_cpus as cpus"
    show += "; print(sorted(os.sched_getaffinity(0)), cpus())"
    first, last = OURS[0], OURS[-1]
    split = Split((first,), (last,))

    with split.for_server():
        said = subprocess.check_output([sys.executable, "-c", show], text=True)
    with split.for_load():
        here = os.sched_getaffinity(0)

    assert said.split("] ") == [f"[{first}", "1\n"]
    assert here == {last}
    assert sorted(os.sched_getaffinity(0)) == OURS


def test_the_commands_keep_to_them_or_complain_in_a_line() -> None:
    def overload(cores: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks", "overload", "--cores", cores]
        options = ["--seconds", "1", "--beam-size", "1"]
        return subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=120, cwd=ROOT
        )

    first, last = OURS[0], OURS[-1]
    done = overload(f"{first}:{last}")
    refused = overload(f"{first}:9999")

    assert done.returncode == 0, done.stderr
    where = f"the server on {first}, callers on {last}"
    assert where in " ".join(done.stdout.split())
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "no core 9999" in refused.stderr
