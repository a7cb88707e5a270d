"""A corpus, its job killed at random moments and its server restarted under it."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving.handmade import NUMBERS, write_bundle
from tests.serving.server_process import ServerProcess, server_process

LINES, SHARD_LINES, KILLS = 4000, 50, 4
NAME = "source.xx.txt"


def test_killed_at_random_it_ends_with_each_line_once_in_order(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    draw = random.Random(5)
    source = tmp_path / "source.txt"
    source.write_text("".join(f"{_words(draw)}\n" for _ in range(LINES)))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with _serving(bundle) as (server, address):
        with _job(address, source, whole) as job:
            assert job.wait(240) == 0
        with _job(address, source, killed) as job:
            _wait_for_more(killed)
            server.send(signal.SIGKILL)
            server.wait()
            with _serving(bundle, address):
                _wait_for_more(killed)
                codes = [_killed(job)]
                while len(codes) < KILLS and not (killed / NAME).exists():
                    with _job(address, source, killed) as again:
                        _wait_for_more(killed)
                        time.sleep(draw.uniform(0, 0.1))
                        codes.append(_killed(again))
                with _job(address, source, killed) as last:
                    assert last.wait(240) == 0

    assert codes.count(-signal.SIGKILL) > 1  # a quick machine is done before some
    result = (killed / NAME).read_bytes()
    assert result.count(b"\n") == LINES
    assert result == (whole / NAME).read_bytes()
    assert not list(killed.glob(".*"))


def _killed(job: "subprocess.Popen[bytes]") -> int:
    job.send_signal(signal.SIGKILL)
    return job.wait()


def _words(draw: random.Random) -> str:
    return " ".join(draw.choices(NUMBERS.split(), k=draw.randint(1, 6)))


@contextmanager
def _serving(
    bundle: Path, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[ServerProcess, str]]:
    options = ("--listen", listen, "--max-cached", "0")
    with server_process(bundle, *options) as server:
        yield server, server.wait_ready()


def _job(address: str, source: Path, folder: Path) -> "subprocess.Popen[bytes]":
    options = ["--server", address, "--shard-lines", str(SHARD_LINES)]
    command = [sys.executable, "-m", "onnxlate", "corpus", *options]
    return subprocess.Popen([*command, "-o", folder, source], stderr=subprocess.DEVNULL)


def _wait_for_more(folder: Path) -> None:
    """Until another shard is done than there were, or all is done."""

    def count() -> int:
        return len(list(folder.glob("shards/[0-9]*.jsonl")))

    before, deadline = count(), time.monotonic() + 60
    while count() <= before and not (folder / NAME).exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
