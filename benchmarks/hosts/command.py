"""`python -m benchmarks hosts`: what becomes of a run when hosts and cables fail."""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from onnxlate.errors import ServerFailure
from onnxlate_training.checkpoint import RunFolder
from onnxlate_training.generated import write_corpus

from ..line_process import ROOT
from .network import Host, two_hosts
from .torchrun import DEADLINE, LOST_AFTER, Launcher, start

RECIPE = ROOT / "training" / "recipes" / "numbers-en-de.toml"

UPDATES = 60

DISTURBED_AT = 10

CHANGES = (
    "batch.accumulate=2",
    "batch.max_tokens=1024",
    "model.dropout=0.1",
    f"train.max_updates={UPDATES}",
    f"train.validate_every={UPDATES}",
    "train.save_every=5",
    "train.log_every=1",
    "train.threads=1",
    "decode.max_sentences=4",
)


@dataclass(frozen=True)
class Trial:
    name: str
    nodes: str
    disturb: Callable[[Sequence[Launcher]], None]
    survivors: tuple[int, ...] = (0, 1)
    """Hosts whose torchrun ends well."""
    again: bool = False
    """Whether all give up and are started again, by hand."""
    back: bool = False
    """Whether the second one is started again, while the first one goes on."""


Only = Annotated[str, typer.Option(help="Trials whose names have this in them.")]


def hosts(only: Only = "") -> None:
    """Training on two hosts of which one is killed or cut off: how it ends."""
    with tempfile.TemporaryDirectory() as name, two_hosts() as both:
        folder = Path(name)
        write_corpus(folder)
        changes = (*CHANGES, f"data.folder={json.dumps(name)}")
        whole = folder / "undisturbed"
        _run(both, _nothing("undisturbed"), whole, changes)
        trials = [trial for trial in _trials() if only in trial.name]
        for number, trial in enumerate(trials):
            run = folder / f"trial{number}"
            seconds = _run(both, trial, run, changes)
            difference = _check(trial, run, whole)
            print(f"{trial.name:55} {seconds:6.1f} s  {difference}", flush=True)


def _trials() -> list[Trial]:
    return [
        Trial("a worker is killed", "2", lambda all: all[1].kill_workers()),
        Trial("the leading worker is killed", "2", lambda all: all[0].kill_workers()),
        Trial(
            "a host loses power; the other goes on alone",
            *("1:2", lambda all: all[1].kill(), (0,)),
        ),
        Trial(
            "a host loses power and comes back",
            *("2", lambda all: all[1].kill()),
            back=True,
        ),
        Trial(f"the cable is out for {LOST_AFTER / 3:.0f} s", "2", _short_cut),
        Trial(
            "the cable is out; the other goes on alone",
            *("1:2", lambda all: all[1].host.cable(plugged=False), (0,)),
        ),
        Trial(
            "the host of the rendezvous loses power; all start again",
            *("1:2", lambda all: all[0].kill(), (0, 1), True),
        ),
    ]


def _nothing(name: str) -> Trial:
    return Trial(name, "2", lambda launchers: None)


def _short_cut(launchers: Sequence[Launcher]) -> None:
    launchers[1].host.cable(plugged=False)
    time.sleep(LOST_AFTER / 3)
    launchers[1].host.cable(plugged=True)


def _run(
    hosts: Sequence[Host], trial: Trial, run: Path, changes: Sequence[str]
) -> float:
    """Seconds from the disturbance to the end of the run."""

    def started(host: Host) -> Launcher:
        return start(host, hosts[0], trial.nodes, RECIPE, run, *changes)

    launchers = [*map(started, hosts)]
    try:
        _wait_for(run, launchers)
        began = time.monotonic()
        trial.disturb(launchers)
        if trial.again:
            for launcher in launchers:
                launcher.end()
            launchers = [*map(started, hosts)]
        if trial.back:
            launchers[1] = started(hosts[1])
        for index in trial.survivors:
            if status := launchers[index].end():
                said = launchers[index].said()
                raise ServerFailure(f"{trial.name}: ended with {status}: {said}")
        return time.monotonic() - began
    finally:
        for launcher in launchers:
            launcher.kill()
            launcher.host.cable(plugged=True)


def _wait_for(run: Path, launchers: Sequence[Launcher]) -> None:
    """Until it has saved what it can go on from."""
    deadline = time.monotonic() + DEADLINE
    while RunFolder(run).progress().update < DISTURBED_AT:
        said = next((a.said() for a in launchers if a.process.poll() is not None), "")
        if said or time.monotonic() > deadline:
            raise ServerFailure(f"the run did not get going: {said}")
        time.sleep(0.02)


def _check(trial: Trial, run: Path, whole: Path) -> str:
    """What it came to; raises ServerFailure if it is not what it should be.

    One host does both batches of an update and two one each, but a sum of two is the
    same in any order: so the weights are the same to the bit, whoever was there.
    """
    one, other = _losses(run), _losses(whole)
    if one.keys() != other.keys():
        raise ServerFailure(f"{trial.name}: {len(one)} updates of {len(other)}")
    worst = max(abs(one[at] / other[at] - 1) for at in other)
    if _weights(run) != _weights(whole):
        raise ServerFailure(f"{trial.name}: losses differ by {worst:.1e}")
    return "the same weights"


def _losses(run: Path) -> dict[int, float]:
    lines = map(json.loads, (run / "history.jsonl").read_text().splitlines())
    return {line["update"]: line["loss"] for line in lines if line["kind"] == "train"}


def _weights(run: Path) -> bytes:
    return RunFolder(run).final_model.read_bytes()
