"""A model of OPUS-MT's size, imported, and served beside transformers' `generate`.

Its weights are random, and such a model hardly ends a sentence: both sides are given
the same target lengths, about those of the sources. Both have all cores and take eight
sentences at once.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate.text import Tokenizer

from . import marian_folder
from .machine import machine
from .settings import HuggingFaceSettings, Job, OursSettings
from .side_by_side import in_turn
from .stats import median
from .worker_process import WorkerProcess
from .workload import forced_length, texts_of

VOCABULARY, PIECES = 58_101, 8_000
"""Of Helsinki-NLP/opus-mt-en-de, and how many are learnt from the text."""

AT_ONCE = 8

BEAMS = (1, 4)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of tokens a second, medians of rounds."""

    beam_size: int
    ours: float
    theirs: float
    cpu: float
    """Their seconds of CPU over ours; the machine's other work is not in it."""
    equal: int
    sentences: int


def importing(
    text: Annotated[
        Path | None, typer.Option(help="Source sentences; number words without.")
    ] = None,
    sentences: Annotated[
        int, typer.Option(min=0, help="Of the gate; 0 takes the bundle in --folder.")
    ] = 200,
    served: Annotated[int, typer.Option(min=8, help="Sentences in a round.")] = 32,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Cores of either side.")] = 2,
    precision: Annotated[
        str, typer.Option(help="fp32 or int8, of the bundle that is served.")
    ] = "fp32",
    folder: Annotated[
        Path | None, typer.Option(help="Keeps the model, and takes it if it is there.")
    ] = None,
) -> None:
    """Import a random MarianMT of opus-mt's size, and serve it beside generate."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(machine(), markup=False)
    with TemporaryDirectory() as temporary:
        work = folder or Path(temporary)
        original, bundle = work / "opus-mt-en-de", work / precision
        texts = texts_of(text)
        if not original.exists():
            marian_folder.write_marian(
                original, (texts, texts), PIECES, VOCABULARY, **marian_folder.OPUS
            )
        if sentences:
            _import(original, bundle, texts[:sentences], threads, console, precision)
        sources = _sources(bundle, texts, served)
        for beam_size in BEAMS:
            ratio = _side_by_side(original, bundle, sources, beam_size, rounds, threads)
            console.print(
                f"beam {beam_size}: {ratio.ours:.0f} tokens/s against "
                f"{ratio.theirs:.0f}, {ratio.ours / ratio.theirs:.2f} times, by CPU "
                f"time {ratio.cpu:.2f}; "
                f"{ratio.equal} of {ratio.sentences} sentences equal"
            )


def _import(
    original: Path,
    bundle: Path,
    texts: list[str],
    threads: int,
    console: Console,
    precision: str,
) -> None:
    """In a process of its own, as a user does it."""
    lines = original.parent / "text"
    lines.write_text("".join(f"{each}\n" for each in texts), encoding="utf-8")
    command = [sys.executable, "-m", "onnxlate", "export", "--from-hf", str(original)]
    command += ["-o", str(bundle), "--text", str(lines), "--json"]
    command += ["--sentences", str(len(texts)), "--precision", precision]
    # Random weights are no worse than others by any references.
    command += ["--references", str(lines)]
    start, spent = time.perf_counter(), _cpu()
    done = subprocess.run(
        command, capture_output=True, text=True, env=_with_threads(threads)
    )
    if done.returncode:
        raise ConfigError(f"the import failed: {done.stderr.strip()[-500:]}")
    took, cpu = time.perf_counter() - start, _cpu() - spent
    gate = json.loads(done.stdout)["gate"]
    console.print(
        f"imported in {took:.1f} s ({cpu:.1f} s of CPU); equal to generate: "
        f"{gate['greedy_equal']} of {gate['sentences']} greedy, {gate['beam_equal']} "
        f"with beam {gate['beam_size']}"
    )


def _with_threads(threads: int) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(threads)}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sources(path: Path, texts: list[str], count: int) -> list[list[int]]:
    bundle = Bundle.open(path)
    tokenizer = Tokenizer(bundle.source_tokenizer, bundle.manifest.source_prefix)
    most = bundle.manifest.limits.max_source_tokens
    groups: dict[int, list[list[int]]] = defaultdict(list)
    for ids in map(tokenizer.encode, texts):
        if 1 < len(ids) <= most:
            groups[forced_length(len(ids))].append(ids)
    # `generate` forces one length on a whole call: as many of each as fill calls.
    whole = [
        group[at : at + AT_ONCE]
        for _, group in sorted(groups.items())
        for at in range(0, len(group) - AT_ONCE + 1, AT_ONCE)
    ]
    apart = max(1, len(whole) * AT_ONCE // count)
    return [ids for group in whole[::apart] for ids in group][:count]


def _side_by_side(
    original: Path,
    bundle: Path,
    sources: list[list[int]],
    beam_size: int,
    rounds: int,
    threads: int,
) -> Ratio:
    job = Job(
        sources=sources,
        forced=[forced_length(len(each)) for each in sources],
        beam_size=beam_size,
    )
    # As a server has it: few rows are shared product by product, more among engines.
    workers = 1 if beam_size == 1 else threads
    ours = OursSettings(
        model=bundle,
        workers=workers,
        threads=threads // workers,
        max_rows=AT_ONCE * beam_size // workers,
    )
    theirs = HuggingFaceSettings(
        model=original, threads=threads, max_batch_size=AT_ONCE
    )
    with WorkerProcess(ours) as us, WorkerProcess(theirs) as them:
        for each in (us, them):
            each.prepare(job.first(AT_ONCE))
            each.round()  # the first one makes room, and does not count
            each.prepare(job)
        found = in_turn((us, them), WorkerProcess.round, rounds)
        # It puts an end at the last place, and we what comes next.
        equal = sum(
            one[: length - 1] == other[: length - 1]
            for one, other, length in zip(
                us.targets(), them.targets(), job.forced, strict=True
            )
        )
    speeds = [median([each.tokens / each.seconds for each in side]) for side in found]
    cpu = [median([each.cpu_seconds for each in side]) for side in found]
    return Ratio(beam_size, speeds[0], speeds[1], cpu[1] / cpu[0], equal, len(sources))
