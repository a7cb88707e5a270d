"""Our own trainer, as `onnxlate train` runs it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from onnxlate.text import Tokenizer
from onnxlate_training.batches import Held
from onnxlate_training.checkpoint import RunFolder
from onnxlate_training.texts import Texts
from onnxlate_training.trainer import Trainer
from onnxlate_training.weights import build_model
from onnxlate_training.workers import Worker

from .pace import Pace
from .trainer_settings import OursTrainerSettings, Task
from .training_batches import read_examples, recipe_of


def ours_trainer(
    task: Task, settings: OursTrainerSettings, pace: Pace, scratch: Path
) -> Callable[[], None]:
    """Raises ConfigError if the CPU does not multiply in the precision."""
    torch.set_num_threads(settings.threads)
    recipe = recipe_of(task)
    train = recipe.train.model_copy(update={"precision": settings.precision})
    recipe = recipe.model_copy(update={"train": train})
    tokenizer = Tokenizer(task.tokenizer)
    torch.manual_seed(recipe.seed)
    reporter = _Paced(pace)
    trainer = Trainer(
        recipe,
        Texts(Held(read_examples(task)), [], tokenizer, tokenizer),
        build_model(recipe, tokenizer, tokenizer),
        RunFolder(scratch),  # never written to
        Worker(rank=0, world=1, device=torch.device("cpu")),
        reporter,
    )
    reporter.tokens = lambda: trainer.progress.num_target_tokens

    def run() -> None:
        trainer.run()

    return run


class _Paced:
    """A reporter, which is told of every update."""

    tokens: Callable[[], int]
    """Learnt from since the beginning."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._before = 0

    def say(self, line: str) -> None: ...

    def log(self, update: int, kind: str, values: Mapping[str, float]) -> None: ...

    def advance(self, update: int, loss: float, tokens_per_second: float) -> None:
        # The loss is the mean since the last line of the log, which is the last update.
        tokens = self.tokens()
        self._pace.updated(loss, tokens - self._before)
        self._before = tokens
