"""The other end of trainer_worker.py: starts the process, and asks."""

import os

from onnxlate.errors import ConfigError

from .line_process import ROOT, LineProcess
from .trainer_settings import (
    Opened,
    OpenTrainer,
    Task,
    Train,
    Trained,
    TrainerSettings,
)

PACKAGES = os.pathsep.join(map(str, (ROOT, ROOT / "training")))
"""Ours, for an environment of another trainer's, in which they are not installed."""


class TrainerProcess(LineProcess):
    """One trainer in a process of its own, for as long as a block of code runs."""

    def __init__(self, task: Task, settings: TrainerSettings) -> None:
        command = [settings.python, "-m", "benchmarks.trainer_worker"]
        environment = {
            "OMP_NUM_THREADS": str(settings.threads),
            "PYTHONPATH": PACKAGES,
        }
        super().__init__(settings.trainer, command, environment)
        self._task = task
        self._settings = settings

    def opened(self) -> None:
        """Raises ConfigError where this machine cannot do what is asked for."""
        command = OpenTrainer(task=self._task, settings=self._settings)
        reply = self.ask(command, Opened)
        if reply.mistake:
            raise ConfigError(reply.mistake)

    def train(self, updates: int) -> Trained:
        return self.ask(Train(updates=updates), Trained)
