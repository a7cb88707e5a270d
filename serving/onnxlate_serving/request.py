"""One text's way through the engine, as the scheduler and the runner see it."""

from dataclasses import dataclass

from onnxlate.search import SearchOptions


# Two requests for the same words are two requests: they compare by identity.
@dataclass(frozen=True, slots=True, eq=False)
class Request:
    source_ids: tuple[int, ...]
    """Source tokens, end of sentence included."""

    options: SearchOptions

    streamed: bool = False
    """Whether somebody wants the tokens as they are decided, not only the end."""

    @property
    def num_rows(self) -> int:
        """Rows of the decode batch that it may come to need."""
        return self.options.beam_size
