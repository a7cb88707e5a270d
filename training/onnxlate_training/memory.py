"""What a user is told where a model does not fit the memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from onnxlate.errors import TrainingError

REFUSAL = "can't allocate memory"
"""Of torch, on a CPU; it has no class of its own."""


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raises TrainingError where there is too little."""
    try:
        yield
    except torch.OutOfMemoryError as cause:
        raise _too_little("the GPU's memory") from cause
    except (RuntimeError, MemoryError) as cause:
        if isinstance(cause, RuntimeError) and REFUSAL not in str(cause):
            raise
        raise _too_little("memory") from cause


def _too_little(what: str) -> TrainingError:
    return TrainingError(
        f"{what} is too small: lower batch.max_tokens (a larger batch.accumulate makes "
        "up for it), or make the model smaller; the newest checkpoint stays"
    )
