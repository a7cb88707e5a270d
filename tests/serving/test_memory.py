"""What is freed is the system's again, and what nobody needs is not loaded."""

import platform
import subprocess
import sys

import pytest

from onnxlate_serving.native.library import library

PROGRAM = """
from pathlib import Path
import numpy as np
from onnxlate_serving.memory import give_large_blocks_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

give_large_blocks_back()
for size in (20_000_000, 10_000_000):  # the second would fit into the first's hole
    block = np.ones(size, np.int8)
    above = np.ones(500_000, np.int8)  # and keep the hole from the heap's end
    before = resident()
    del block
    print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps them")
def test_large_blocks_are_given_back_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    first, second = map(int, done.stdout.split())
    assert first > 19_000_000
    assert second > 9_000_000


PAGES = """
from pathlib import Path
import numpy as np
from onnxlate_serving.memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

block = np.ones((3, 10_000_000), np.int8)
before = resident()
give_back(block[1])
print(before - resident())
print(block[[0, 2]].min(), block[1, 0], block[1, -1], block[1, 5_000_000])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others keep them")
def test_pages_of_a_part_are_given_back_and_its_neighbours_keep_theirs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PAGES], capture_output=True, text=True, check=True
    )

    freed, *rest = map(int, done.stdout.split())
    assert 9_000_000 < freed < 10_100_000
    assert rest == [1, 1, 1, 0]  # what lies on a page with others stays


NEEDED = """
import sys
from onnxlate.bundle import Bundle
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.engines import build_engines
from onnxlate_serving.server import default_bundle
from onnxlate_serving.sessions import Sessions

bundle = Bundle.open(default_bundle())
sessions = Sessions(bundle, RuntimeConfig(device="auto"))
build_engines(bundle, sessions, SchedulerConfig())
print("onnxruntime" in sys.modules)
sessions.encoder
print("onnxruntime" in sys.modules)
"""


@pytest.mark.skipif(library() is None, reason="nothing was compiled: no compiler?")
def test_onnxruntime_is_loaded_when_there_is_need_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEEDED], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True"]
