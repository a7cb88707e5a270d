"""What every engine can do here, whoever made it."""

from typing import Protocol

from .settings import Job


class Engine(Protocol):
    """A model, ready to translate. One process has one of them."""

    def prepare(self, job: Job) -> None:
        """Takes the sentences in the engine's own form, which is not measured."""

    def translate(self) -> None:
        """All of them, as fast as it can."""

    def translate_one(self, index: int) -> None:
        """One of them, and nothing else meanwhile."""

    def targets(self) -> list[list[int]]:
        """What they came to, without the ends, when all have been translated."""

    def close(self) -> None:
        """Ends its threads."""
