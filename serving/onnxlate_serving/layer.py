"""What everything that turns texts into translations has in common."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from .caller import ANYBODY, Caller
from .options import TranslateOptions
from .translation import TextPiece, Translation


class Layer(Protocol):
    """Translates, mostly by asking the layer below."""

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """One translation per text, in order; decoded side by side."""

    def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation as it is decided; its pieces concatenate to the whole."""
