"""Both engines with one model, each in its process and in one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .settings import CTranslate2Settings, OursSettings
from .suite import Suite
from .timing_models import Precision, TimingModel
from .worker_process import WorkerProcess


@dataclass(frozen=True, slots=True)
class Room:
    """For the largest batch, so that it is decoded in one piece."""

    sentences: int
    rows: int


@dataclass(frozen=True, slots=True)
class Pair:
    model: TimingModel
    precision: Precision
    our_settings: OursSettings
    their_settings: CTranslate2Settings
    ours: WorkerProcess
    theirs: WorkerProcess

    @property
    def workers(self) -> tuple[WorkerProcess, WorkerProcess]:
        return self.ours, self.theirs


@contextmanager
def opened_pair(
    suite: Suite,
    peer: CTranslate2Settings,
    model: TimingModel,
    precision: Precision,
    room: Room,
) -> Iterator[Pair]:
    """`peer` says which number type and which library CTranslate2 is quickest with."""
    ours = suite.ours_for(model, precision).model_copy(
        update={"workers": 1, "threads": 1, "max_rows": room.rows}
    )
    theirs = peer.model_copy(
        update={
            **{"model": model.ctranslate2(precision), "call": "batch"},
            **{"inter_threads": 1, "intra_threads": 1},
            **{"max_batch_size": room.sentences, "batch_type": "examples"},
        }
    )
    with WorkerProcess(ours) as our_worker, WorkerProcess(theirs) as their_worker:
        yield Pair(model, precision, ours, theirs, our_worker, their_worker)
