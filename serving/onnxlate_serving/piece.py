"""What the engine's thread says: the tokens of one request that are decided now."""

from dataclasses import dataclass

from onnxlate.search import Hypothesis

from .request import Request


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens, not text: they become text where they are read, while the engine's
    thread is at the next step already."""

    request: Request

    tokens: tuple[int, ...]
    """The next tokens that every possible outcome contains; () if not streamed."""

    hypotheses: tuple[Hypothesis, ...] = ()
    """The outcome, best first, in the last piece only."""
