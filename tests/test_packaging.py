"""What is installed is what the project says, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import onnxlate
from onnxlate.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PARTS = (".", "training", "export", "serving")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the tree, with the setuptools that is here."""
    wanted = re.search(r"setuptools>=(\d+)", PROJECT["build-system"]["requires"][0])
    found = int(metadata.version("setuptools").split(".")[0])
    if wanted and found < int(wanted[1]):
        pytest.skip(f"setuptools is {found} here; .ci/check_wheel builds with another")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in (*PARTS[1:], "onnxlate", "tests", "benchmarks"):
        shutil.copytree(
            ROOT / name,
            tree / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", ".*", "*.so"),
        )
    build = "import sys; from setuptools.build_meta import build_wheel as build; "
    done = subprocess.run(
        [sys.executable, "-c", f"{build} build(sys.argv[1])", str(out)],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [path] = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_name_the_wheel_installs_begins_with_ours(
    wheel: zipfile.ZipFile,
) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == {
        *("onnxlate", "onnxlate_training", "onnxlate_export", "onnxlate_serving")
    }


def test_what_is_no_python_comes_along(wheel: zipfile.ZipFile) -> None:
    """Types, the default model, the graphs the server runs; not one file less."""
    names = set(wheel.namelist())
    for part in PARTS:
        folder = ROOT / part
        for package in folder.glob("onnxlate*"):
            if not (package / "__init__.py").exists():
                continue
            for path in package.rglob("*"):
                if path.suffix == ".so":  # compiled there anew, if there is a compiler
                    continue
                if path.is_file() and "__pycache__" not in path.parts:
                    assert str(path.relative_to(folder)) in names


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    bundle = [
        each.file_size
        for each in wheel.infolist()
        if each.filename.startswith("onnxlate_serving/default_bundle/")
    ]

    assert 0 < sum(bundle) < 8_000_000


def test_the_version_stands_in_two_places_and_is_one() -> None:
    assert PROJECT["project"]["version"] == onnxlate.__version__


def test_extras_that_messages_name_exist() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    named = {command.extra for command in COMMANDS if command.extra}
    for path in ROOT.glob("onnxlate/**/*.py"):
        named |= set(re.findall(r"onnxlate\[(\w+)\]", path.read_text()))

    assert named <= extras


def test_what_a_client_needs_is_light() -> None:
    names = {
        re.split(r"[^\w-]", each)[0] for each in PROJECT["project"]["dependencies"]
    }

    assert names == {"grpcio", "protobuf", "pydantic", "rich", "typer"}


def test_serving_loads_without_torch_and_training(tmp_path: Path) -> None:
    program = """
import sys

GONE = {"torch", "onnx", "onnxscript", "onnxlate_training", "onnxlate_export"}

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
import onnxlate_serving
import onnxlate_serving.cli
import onnxlate_serving.server
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr


def test_every_name_the_face_offers_is_there() -> None:
    for name in dir(onnxlate):
        getattr(onnxlate, name)
    with pytest.raises(AttributeError, match="Klient"):
        _ = onnxlate.Klient


def test_the_default_model_carries_the_card_that_the_documentation_has() -> None:
    bundle = ROOT / "serving" / "onnxlate_serving" / "default_bundle"

    card = (ROOT / "docs" / "default-model.md").read_bytes()
    assert (bundle / "README.md").read_bytes() == card
