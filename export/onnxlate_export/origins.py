"""Where a model comes from: a run of ours, or somebody else's model."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onnxlate.errors import ConfigError
from onnxlate_training.checkpoint import LoadedModel, load_model

from .huggingface.importing import Wishes, load_imported
from .outside_gate import Outside


@dataclass(frozen=True)
class Origin:
    loaded: LoadedModel
    outside: Outside | None
    """The program it comes from; None for a model of ours."""


@contextmanager
def opened(
    run: Path | None, data: Path | None, from_hf: str | None, wishes: Wishes
) -> Iterator[Origin]:
    """Raises ConfigError unless it is one of the two, and what reading it raises."""
    if (run is None) == (from_hf is None):
        raise ConfigError("say what to export: either a run's folder or --from-hf")
    if run is not None:
        if wishes != Wishes():
            raise ConfigError(
                "--text, --references, --name and languages are for --from-hf; a run "
                "has its own"
            )
        yield Origin(load_model(run, data), None)
        return
    assert from_hf is not None
    if data is not None:
        raise ConfigError("--data is for a run's corpus; --from-hf takes --text")
    if wishes.references and not wishes.text:
        raise ConfigError("--references are translations of --text, which is not given")
    with tempfile.TemporaryDirectory() as work:
        yield _imported(from_hf, Path(work), wishes)


def _imported(path_or_id: str, work: Path, wishes: Wishes) -> Origin:
    try:
        from .huggingface.generate import Generate

        imported = load_imported(path_or_id, work, wishes)
        return Origin(imported.loaded, Generate(imported))
    except ModuleNotFoundError as cause:
        if cause.name not in ("transformers", "huggingface_hub"):
            raise
        raise ConfigError(
            f"--from-hf needs {cause.name}, which is not installed; "
            "pip install 'onnxlate[hf]'"
        ) from cause
