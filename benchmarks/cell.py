"""What every comparison says of itself; a row of a table."""

from .settings import Record


class Cell(Record):
    """One comparison under one set of circumstances."""

    model: str
    precision: str
    search: str
    """ "greedy", or "beam 5"."""

    batch: int | None = None
    """Sentences together, where that is not the engine's own affair."""

    peer: str = "ctranslate2"
    ours: float | None
    theirs: float | None
    ratio: float | None
    """Above 1 we are better, whether more is better or less."""
