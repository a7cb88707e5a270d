"""What survives a power failure."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Onto the disk itself; of a folder, the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
