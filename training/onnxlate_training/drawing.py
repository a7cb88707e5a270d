"""Figures into files, the same figure into the same file."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from onnxlate.cli.files import output_file
from onnxlate.errors import ConfigError
from onnxlate.evaluation.plots import drawing

DPI = 110


def saved(figure: Figure, path: Path) -> Path:
    """Raises ConfigError if the file cannot be written."""
    # No versions, dates or random names, so that equal pictures are equal files.
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    made = BytesIO()
    with drawing():
        figure.savefig(made, format=path.suffix[1:], dpi=DPI, metadata=metadata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise ConfigError(f"{path} cannot be written: {cause.strerror}") from cause
    with output_file(path) as file:
        file.write(made.getvalue())
    return path
