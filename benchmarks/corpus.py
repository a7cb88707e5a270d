"""A corpus job that is killed again and again, and its server with it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from onnxlate.client import Client
from onnxlate.local_server import ServerProcess
from onnxlate.parallel_text import one_line

from . import options
from .endurance.target import Unfit, command, free_port, show
from .sentences import sentences

NUM_COMPARED = 2000
"""Lines that are asked for again, each as it is, to be compared."""


def corpus(
    bundle: options.Bundle = None,
    text: options.Text = None,
    num_lines: Annotated[int, typer.Option("--lines", min=1000)] = 100_000,
    kills: Annotated[int, typer.Option(min=0)] = 5,
    lines_between: Annotated[
        int | None,
        typer.Option(
            help="Lines from one kill to the next, on average.",
            show_default="so that they are spread over the job",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="That share the job.")] = 1,
    seed: Annotated[int, typer.Option(help="Of what is random.")] = 1,
    json_file: options.Json = None,
) -> None:
    """Lines in shards, SIGKILL at random moments: each must come out once, in order."""
    between = lines_between or num_lines // (kills + 1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        source = folder / "source.txt"
        _write(source, text, num_lines)
        trial = _Trial(bundle, source, folder / "out", processes, stack)
        figures = trial.run(kills, between, random.Random(seed))
        figures |= _compared(trial.address, source, folder / "out", seed)
    show("corpus", figures, json_file)


class _Trial:
    def __init__(
        self,
        bundle: Path | None,
        source: Path,
        out: Path,
        processes: int,
        stack: ExitStack,
    ) -> None:
        self._bundle = bundle
        self._source = source
        self._out = out
        self._processes = processes
        self._stack = stack
        self.address = f"127.0.0.1:{free_port()}"
        self._server = self._serving()

    def run(self, kills: int, between: int, draw: random.Random) -> dict[str, object]:
        began = time.monotonic()
        lines_at_kills: list[int] = []
        jobs = self._started()
        for number in range(kills):
            wanted = between * (number + 1) + draw.uniform(-0.4, 0.4) * between
            while self._num_lines() < wanted and jobs[0].poll() is None:
                time.sleep(0.05)
            time.sleep(draw.uniform(0, 1))
            if jobs[0].poll() is not None:
                raise Unfit(f"the job ended before kill {number + 1}; give more lines")
            lines_at_kills.append(self._num_lines())
            for job in jobs:
                job.send_signal(signal.SIGKILL)
                job.wait()
            if number == kills // 2:  # and once the server, too
                os.kill(self._server.pid, signal.SIGKILL)
                self._server.stop()
                self._server = self._serving()
            jobs = self._started()
        records = [json.loads(job.communicate()[0] or "{}") for job in jobs]
        if any(job.returncode for job in jobs):
            raise Unfit("the job failed in the end")
        seconds = time.monotonic() - began
        return {
            "lines": records[0]["lines"],
            "kills": kills,
            "lines_done_at_kills": ", ".join(map(str, lines_at_kills)),
            "processes": self._processes,
            "seconds": round(seconds, 1),
            "lines_a_second": round(records[0]["lines"] / seconds, 1),
            "warnings": records[0]["warning_counts"],
        }

    def _serving(self) -> ServerProcess:
        options = ("--listen", self.address, "--max-cached", "0")
        server = ServerProcess(command(self._bundle, *options))
        return self._stack.enter_context(server)

    def _started(self) -> "list[subprocess.Popen[bytes]]":
        job = [sys.executable, "-m", "onnxlate", "corpus", "--server", self.address]
        job += ["-o", str(self._out), "--json", str(self._source)]
        return [
            subprocess.Popen(job, stdout=subprocess.PIPE)
            for _ in range(self._processes)
        ]

    def _num_lines(self) -> int:
        return 1000 * len(list(self._out.glob("shards/[0-9]*.jsonl")))


def _write(source: Path, text: Path | None, num_lines: int) -> None:
    if text:
        given = text.read_text(encoding="utf-8").splitlines()
        lines = [given[at % len(given)] for at in range(num_lines)]
    else:
        lines = sentences(num_lines)
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _compared(address: str, source: Path, out: Path, seed: int) -> dict[str, object]:
    """Raises Unfit if a line is missing, there twice, or not what it should be."""
    sources = source.read_text(encoding="utf-8").split("\n")[:-1]
    [output] = out.glob("source.*.txt")
    lines = output.read_text(encoding="utf-8").split("\n")[:-1]
    if len(lines) != len(sources):
        raise Unfit(f"{len(lines)} lines for {len(sources)}")
    num_places = min(NUM_COMPARED, len(lines))
    places = random.Random(seed).sample(range(len(lines)), num_places)
    with Client(address) as client:
        answers = client.translate([sources[at] for at in places])
    pairs = zip(places, answers, strict=True)
    wrong = [at for at, answer in pairs if lines[at] != one_line(answer.text)]
    if wrong:
        raise Unfit(f"{len(wrong)} lines are not what the server says: {wrong[:5]}")
    left = [path.name for path in out.iterdir() if path.name.startswith(".")]
    return {"compared": num_places, "wrong": 0, "left_over_files": len(left)}
