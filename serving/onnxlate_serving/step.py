"""What the engine's thread is told: one turn, decided before any of it runs."""

from dataclasses import dataclass

from .request import Request


@dataclass(frozen=True, slots=True)
class Step:
    encode: tuple[Request, ...]
    """Joining now: through the encoder first, then onto rows of their own."""

    decode: tuple[Request, ...]
    """Everyone on rows, newcomers included: one target token each. Who stood on rows
    and is not in here has left; that is how the runner hears of a cancellation."""

    hurried: bool = False
    """Whether others would join at the next step, who should not wait for long."""

    def __bool__(self) -> bool:
        return bool(self.decode)
