"""Training runs in processes of their own, on a model that takes seconds."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnxlate_training.checkpoint import RunFolder
from onnxlate_training.generated import pairs

RECIPE = """
name = "small"

[data]
source_language = "en"
target_language = "de"
train_source = ["train.en"]
train_target = ["train.de"]
valid_source = "valid.en"
valid_target = "valid.de"

[tokenizer]
vocabulary = 400

[filter]
max_tokens = 60

[model]
width = 16
heads = 2
feed_forward = 32
encoder_layers = 1
decoder_layers = 1
dropout = 0.1
max_positions = 64

[batch]
max_tokens = 512

[schedule]
peak = 0.01
warmup_updates = 10

[train]
max_updates = 40
validate_every = 20
save_every = 5
log_every = 1
keep_last = 3
threads = 1

[decode]
max_sentences = 4
"""

# Children of a process that has torch loaded already: real processes, to be killed
# at will, that start in a tenth of a second instead of three.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    ["onnxlate.cli", "onnxlate_training.cli", "torch._dynamo"]
)


def write_corpus(folder: Path) -> Path:
    """Writes the corpus and the recipe; the recipe's path.

    Of the 402 training pairs one comes twice and one has an empty side.
    """
    stream = pairs(seed=5)
    for name, size in (("valid", 10), ("train", 400)):
        lines = [next(stream) for _ in range(size)]
        if name == "train":
            lines += [lines[0], ("nothing", "")]
        for side, language in enumerate(("en", "de")):
            text = "".join(f"{pair[side]}\n" for pair in lines)
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(f"{RECIPE}\n", encoding="utf-8")
    return recipe


def arguments(recipe: Path, run: Path, *options: str) -> list[str]:
    """Of `onnxlate train`; the later of two equal options counts."""
    folder = f"data.folder={json.dumps(str(recipe.parent))}"
    return [str(recipe), "--set", folder, "-o", str(run), *options]


@dataclass(frozen=True)
class Training:
    """A process that runs `onnxlate train`."""

    process: "multiprocessing.context.ForkServerProcess"
    output: Path
    run: Path
    found: int
    """The newest update that the run had saved before."""

    @classmethod
    def start(
        cls,
        recipe: Path,
        run: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> "Training":
        output = run.with_name(f"{run.name}.{time.monotonic_ns()}.output")
        output.touch()
        process = _PROCESSES.Process(
            target=_train,
            args=(arguments(recipe, run, *options), output, dict(environment or {})),
            daemon=True,
        )
        found = saved(run)
        process.start()
        return cls(process, output, run, found)

    def wait(self) -> tuple[int, str]:
        """Its exit status, and what it said."""
        self.process.join(timeout=120)
        hangs = self.process.is_alive()
        self.process.kill()
        assert not hangs, self.output.read_text()
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode, self.output.read_text()

    def get_going(self) -> None:
        """Waits until it has saved a checkpoint of its own."""
        deadline = time.monotonic() + 120
        while saved(self.run) <= self.found and time.monotonic() < deadline:
            assert self.process.is_alive(), self.output.read_text()
            time.sleep(0.01)

    def send(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


def train(recipe: Path, run: Path, *options: str) -> tuple[int, str]:
    """Runs it to its end: exit status, and what it said."""
    return Training.start(recipe, run, *options).wait()


def several(recipe: Path, run: Path, *options: tuple[str, ...]) -> list[Training]:
    """One process for each group of options, joined as torchrun would join them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return [
        Training.start(
            recipe,
            run,
            *group,
            environment={
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(len(options)),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank, group in enumerate(options)
    ]


def torchrun(recipe: Path, run: Path, *options: str) -> "subprocess.Popen[str]":
    """Two processes, by the command line that the documentation gives."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    command += ["--max-restarts", "1"]
    command += ["-m", "onnxlate", "train", *arguments(recipe, run, *options)]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def worker(process: "subprocess.Popen[str]", rank: int) -> int:
    """The number of the process that has this rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for pid in children.read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(
            b"\0"
        ):
            return int(pid)
    raise ProcessLookupError(f"torchrun has no process of rank {rank}")


def history(run: Path, kind: str = "train") -> list[dict[str, float]]:
    lines = (run / "history.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["kind"] == kind]


def errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("error: ")]


def saved(run: Path) -> int:
    """The update of the newest checkpoint, 0 if there is none."""
    checkpoints = RunFolder(run).checkpoints()
    return max((each.update for each in checkpoints), default=0)


def _train(options: list[str], output: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["onnxlate", *options]

    from onnxlate.cli import main

    main("train")
