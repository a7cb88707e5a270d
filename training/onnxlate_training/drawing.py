"""Figures into files, the same figure into the same file."""

import warnings
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from onnxlate.errors import ConfigError

DPI = 110


def saved(figure: Figure, path: Path) -> Path:
    """Raises ConfigError if the file cannot be written."""
    # No versions, dates or random names, so that equal pictures are equal files.
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            warnings.catch_warnings(),
            matplotlib.rc_context({"svg.hashsalt": "onnxlate"}),
        ):
            # A script that the font does not have is drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure.savefig(path, dpi=DPI, metadata=metadata)
    except OSError as cause:
        raise ConfigError(f"{path} cannot be written: {cause.strerror}") from cause
    return path
