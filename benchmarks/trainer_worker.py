"""A process with one trainer in it, told how many updates to make.

    python -m benchmarks.trainer_worker

The first line on stdin is an OpenTrainer, each further one a Train; each is answered
with a line on stdout. At the end of stdin it stops where it is.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from onnxlate.errors import OnnxlateError

from .pace import NoMoreOrders, Pace
from .settings import Record
from .trainer_settings import (
    JoeyNMTTrainerSettings,
    Opened,
    OpenTrainer,
    OursTrainerSettings,
    Train,
)
from .worker import own_stdout

Endless = Callable[[], None]
"""Trains, and tells its pace of every update."""


def main() -> None:
    replies = own_stdout()

    def reply(record: Record) -> None:
        replies.write(record.model_dump_json() + "\n")
        replies.flush()

    with TemporaryDirectory(prefix="onnxlate-benchmarks-") as scratch:
        _work(reply, Path(scratch))


def _work(reply: Callable[[Record], None], scratch: Path) -> None:
    command = OpenTrainer.model_validate_json(sys.stdin.readline())
    orders = (Train.model_validate_json(line) for line in sys.stdin)
    pace = Pace(orders, reply)
    try:
        train = open_trainer(command, pace, scratch)
    except OnnxlateError as error:
        reply(Opened(mistake=str(error)))
        return
    reply(Opened())
    with suppress(NoMoreOrders):
        pace.wait()
        train()


def open_trainer(command: OpenTrainer, pace: Pace, scratch: Path) -> Endless:
    """Imports what it needs and no more, for not all of it is in one environment.

    `scratch` is a folder for whatever it writes.
    """
    task, settings = command.task, command.settings
    if isinstance(settings, OursTrainerSettings):
        from .ours_trainer import ours_trainer

        return ours_trainer(task, settings, pace, scratch)
    if isinstance(settings, JoeyNMTTrainerSettings):
        from .joeynmt_trainer import joeynmt_trainer

        return joeynmt_trainer(task, settings, pace, scratch)
    from .transformers_trainer import transformers_trainer

    return transformers_trainer(task, settings, pace, scratch)


if __name__ == "__main__":
    main()
