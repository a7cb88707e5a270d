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
