"""This process among the others that train the same model (torchrun starts them)."""

import contextlib
import os
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from onnxlate.errors import ConfigError, OnnxlateError, TrainingError

from .meeting import meeting_place
from .recipe import Recipe

MISTAKE = 2
"""Exit status of a process that leaves the telling to another."""

CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
"""Environment variable: how many kernels oneDNN keeps."""

KERNELS = 64
"""A few times as many as a batch needs. Hardly a batch has the shape of another, and of
oneDNN's own 1,024 each holds some two megabytes."""

PATIENCE = timedelta(hours=12)
"""How long the others wait while the leader prepares a corpus or validates. Nobody
waits for a process that has ended: its closed connection is noticed at once."""


@dataclass(frozen=True, slots=True)
class Worker:
    rank: int
    """Its number among all processes; 0 reports, validates and writes."""
    world: int
    """How many processes train together."""
    device: torch.device
    waiting: distributed.ProcessGroup | None = None
    """All of them, where the leader may keep the others waiting; what takes no time,
    such as gradients, they exchange in another group, so that a lost machine is soon
    noticed."""
    lost_after: timedelta = timedelta()
    """How long the leader waits for the others, and everyone in an exchange."""

    @property
    def leads(self) -> bool:
        return self.rank == 0


@contextlib.contextmanager
def joined(recipe: Recipe) -> Iterator[Worker]:
    """Joins the other processes, if there are any, and leaves them at the end.

    Raises ConfigError if a GPU was asked for and there is none, if the others cannot
    be met, or if an update has not a batch for each of them; TrainingError if one of
    them is lost on the way.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    device = find_device(recipe.train.device, "train.device")
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    # Read at oneDNN's first product.
    os.environ.setdefault(CAPACITY, str(KERNELS))
    if world > recipe.batch.accumulate:
        raise ConfigError(
            f"batch.accumulate is {recipe.batch.accumulate}: an update has no batch "
            f"for each of {world} processes; --set batch.accumulate={world}"
        )
    if world == 1:
        yield Worker(rank=0, world=1, device=device)
        return
    lost_after = timedelta(seconds=recipe.train.lost_after)
    waiting = _meet(device, lost_after)
    try:
        yield Worker(distributed.get_rank(), world, device, waiting, lost_after)
    except BaseException as error:
        # The groups live on in the frames of an error. Were those the last to own the
        # connections, torch 2.13 would close them while it holds Python's lock,
        # and wait for a thread that waits for that lock.
        traceback.clear_frames(error.__traceback__)
        if _is_lost_connection(error):
            raise TrainingError(
                "another process of this run has gone; start all again with --resume"
            ) from error
        raise
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Of the processes on one machine the first reports what all of them met."""
    try:
        yield
    except OnnxlateError:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            raise
        raise SystemExit(MISTAKE) from None


@contextlib.contextmanager
def together(worker: Worker) -> Iterator[None]:
    """Everyone leaves the block at once; one process's OnnxlateError is everyone's.

    Without it the others would wait for the one that gave up. Inside the block
    nothing else may be asked of them.
    """
    failure: OnnxlateError | None = None
    try:
        yield
    except OnnxlateError as error:
        failure = error
    failures: list[OnnxlateError | None] = [failure]
    if worker.world > 1:
        failures = [None] * worker.world
        # The leader has more to do than the others, and so is the last to come.
        patience = worker.lost_after if worker.leads else PATIENCE
        distributed.monitored_barrier(worker.waiting, timeout=patience)
        distributed.all_gather_object(failures, failure)
    for each in failures:
        if each:
            raise failure or each


def agreed(worker: Worker, value: float) -> float:
    """The highest of the processes' values; all must ask at the same point."""
    return _reduced(worker, value, distributed.ReduceOp.MAX)


def total(worker: Worker, value: float) -> float:
    """The sum of the processes' values; all must ask at the same point."""
    return _reduced(worker, value, distributed.ReduceOp.SUM)


def _reduced(
    worker: Worker, value: float, operation: distributed.ReduceOp.RedOpType
) -> float:
    if worker.world == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64, device=worker.device)
    distributed.all_reduce(tensor, op=operation)
    return float(tensor)


def _is_lost_connection(error: BaseException) -> bool:
    about = re.search("gloo|nccl", str(error), re.IGNORECASE)
    return isinstance(error, RuntimeError) and about is not None


def find_device(wanted: str, setting: str) -> torch.device:
    """The GPU of this process's number on its machine, or the CPU."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not gpus):
        return torch.device("cpu")
    if not gpus:
        raise ConfigError(f'{setting} is "cuda", but torch finds no GPU here')
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if local_rank >= gpus:
        raise ConfigError(
            f"process {local_rank} of this machine finds only {gpus} GPUs; "
            "start torchrun with --nproc-per-node that small, or set train.device"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    # cuDNN's attention plans anew for each shape, and most batches have their own.
    torch.backends.cuda.enable_cudnn_sdp(False)
    return device


def _meet(
    device: torch.device, lost_after: timedelta
) -> distributed.ProcessGroup | None:
    """The group in which one may wait for another."""
    cuda = device.type == "cuda"
    try:
        rank = int(os.environ["RANK"])
        store = meeting_place(rank)
        distributed.init_process_group(
            "nccl" if cuda else "gloo",
            store=store,
            rank=rank if store else -1,
            world_size=int(os.environ["WORLD_SIZE"]) if store else -1,
            timeout=lost_after,
            device_id=device if cuda else None,
        )
        # Gloo also between GPUs, where NCCL would keep them busy with waiting.
        return distributed.new_group(backend="gloo")
    except (KeyError, ValueError, RuntimeError) as cause:
        raise ConfigError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but the other processes "
            f"cannot be met ({str(cause).splitlines()[0]}); start all with torchrun"
        ) from cause
