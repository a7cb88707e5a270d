"""How each trainer is set up, and what it is given to do: what its process is told."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from .settings import Memory, Record

TrainingPrecision = Literal["fp32", "bf16"]


class OursTrainerSettings(Record):
    trainer: Literal["onnxlate"] = "onnxlate"
    threads: PositiveInt = 1
    precision: TrainingPrecision = "fp32"

    @property
    def python(self) -> str:
        return sys.executable


class TransformersTrainerSettings(Record):
    trainer: Literal["transformers"] = "transformers"
    threads: PositiveInt = 1
    precision: TrainingPrecision = "fp32"
    """bf16 is autocast, as with us."""

    attention: Literal["sdpa", "eager"] = "sdpa"
    """torch's own in one operator, or one product after the other."""

    @property
    def python(self) -> str:
        return sys.executable


class JoeyNMTTrainerSettings(Record):
    """JoeyNMT has fp32 only on a CPU, and one attention."""

    trainer: Literal["joeynmt"] = "joeynmt"
    python: str
    """Of the environment that it is installed in."""

    threads: PositiveInt = 1
    precision: Literal["fp32"] = "fp32"


TheirTrainerSettings = Annotated[
    TransformersTrainerSettings | JoeyNMTTrainerSettings,
    Field(discriminator="trainer"),
]

TrainerSettings = Annotated[
    OursTrainerSettings | TheirTrainerSettings, Field(discriminator="trainer")
]


class Task(Record):
    """What both sides are to learn, and how: the same for both."""

    recipe: dict[str, Any]
    """Of onnxlate_training: model, batches, optimiser, schedule, seed."""

    tokenizer: Path
    examples: Path
    """JSON: of each pair the token ids of source and target."""


class OpenTrainer(Record):
    task: Task
    settings: TrainerSettings


class Opened(Record):
    mistake: str = ""
    """Why it cannot be; "" where it can."""


class Train(Record):
    updates: PositiveInt
    """As many more."""


class Trained(Record):
    seconds: float
    cpu_seconds: float
    """Of all threads."""

    tokens: int
    """Real target tokens, the end of sentence included."""

    losses: list[float]
    """Of each update, in nats a token, with smoothed labels."""

    memory: Memory

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds

    @property
    def cores(self) -> float:
        return self.cpu_seconds / self.seconds
