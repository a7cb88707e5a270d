"""A model that copies, trained on the spot and kept."""

import subprocess
import sys
from pathlib import Path

from onnxlate.errors import TrainingError

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "copying.toml"


def copier(cache: Path) -> Path:
    """The bundle in `cache`; raises TrainingError if it cannot be made.

    It is made if there is none yet.
    """
    folder = cache / "copying"
    bundle = folder / "bundle"
    if bundle.is_dir():
        return bundle
    corpus, run = folder / "corpus", folder / "run"
    _python("onnxlate_training.copies", str(corpus))
    data = f"data.folder={str(corpus)!r}"
    train = ["train", str(RECIPE), "--set", data, "--resume", "-o", str(run)]
    _python("onnxlate", *train)
    _python("onnxlate", "export", str(run), "-o", str(bundle))
    return bundle


def _python(module: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if done.returncode:
        raise TrainingError(f"{module} {' '.join(arguments)} has failed; see above")
