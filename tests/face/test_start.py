"""How the command line starts: at once, and with what is installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from onnxlate import __version__

# Put in PYTHONPATH as sitecustomize, it takes away what an extra would have brought.
WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

HEAVY = {"torch", "numpy", "onnxruntime", "onnx", "sentencepiece", "grpc", "sacrebleu"}

V1 = str(Path(__file__).parents[1] / "bundles" / "v1")

COMMANDS = (
    *("train", "export", "serve", "translate"),
    *("evaluate", "bench", "inspect", "models"),
)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "120", **environment},
    )


def without(folder: Path, *names: str) -> str:
    (folder / "sitecustomize.py").write_text(WITHOUT.format(names=set(names)))
    return str(folder)


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    program = f"""
import sys
from onnxlate.cli import main
sys.argv = ["onnxlate", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {HEAVY!r} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    done = python("-c", program)

    assert done.returncode == 0, done.stderr
    assert all(f" {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = python("-m", "onnxlate", command, "--help")

    assert done.returncode == 0, done.stderr
    assert f"onnxlate {command}" in done.stdout
    assert "--help" in done.stdout


def test_the_version_is_said() -> None:
    done = python("-m", "onnxlate", "--version")

    assert done.stdout == f"onnxlate {__version__}\n"


def test_what_no_command_is_called_is_a_mistake() -> None:
    done = python("-m", "onnxlate", "tranlsate")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "tranlsate" in done.stderr


def test_a_name_that_no_file_can_have_is_told_in_a_line() -> None:
    done = python("-m", "onnxlate", "inspect", "x" * 300)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("torch", ("train", "r.toml"), "train"),
        ("torch", ("export", "run", "-o", "b"), "export"),
        ("onnxruntime", ("serve", V1), "serve"),
        ("sacrebleu", ("evaluate", "--server", "h:1"), "evaluate"),
        ("jinja2", ("evaluate", "--html", "never"), "evaluate"),
        ("matplotlib", ("evaluate", "--html", "never"), "evaluate"),
        (
            "sacremoses",
            ("evaluate", "--metric", "moses-bleu", "--target-language", "de"),
            "evaluate",
        ),
        ("onnxruntime", ("evaluate", V1), "serve"),
        ("onnxruntime", ("bench", "--bundle", V1), "serve"),
    ],
)
def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, missing: str, arguments: tuple[str, ...], extra: str
) -> None:
    text = tmp_path / "text"
    text.write_text("a\n")
    files = (
        ("--source", text, "--reference", text, "--hypotheses", text)
        if arguments[0] == "evaluate"
        else ()
    )

    done = python(
        *("-m", "onnxlate", *arguments, *map(str, files)),
        PYTHONPATH=without(tmp_path, missing),
        ONNXLATE_PROCESSOR="none",  # else programs need no onnxruntime
    )

    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert missing in line
    assert f"pip install 'onnxlate[{extra}]'" in line


def test_a_bundle_is_inspected_without_the_export_extra(tmp_path: Path) -> None:
    names = ("torch", "onnx", "onnxruntime", "onnxlate_export")
    bare = without(tmp_path, *names)

    shown = python("-m", "onnxlate", "inspect", V1, PYTHONPATH=bare)
    missing = python("-m", "onnxlate", "inspect", "nowhere", PYTHONPATH=bare)

    assert shown.returncode == 0, shown.stderr
    assert "source_visible bool (sentences, source)" in shown.stdout
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: nowhere is not a directory")


@contextmanager
def serving_health(
    status: health_pb2.HealthCheckResponse.ServingStatus,
) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def test_the_health_check_is_an_exit_status(tmp_path: Path) -> None:
    states = health_pb2.HealthCheckResponse
    with serving_health(states.SERVING) as server:
        well = python("-m", "onnxlate.health", server)
        stranger = python("-m", "onnxlate.health", server, "owl")
    with serving_health(states.NOT_SERVING) as server:
        ill = python("-m", "onnxlate.health", server)
    nobody = python("-m", "onnxlate.health", "127.0.0.1:1")
    nowhere = python("-m", "onnxlate.health", "nowhere")
    unasked = python("-m", "onnxlate.health")
    bare = python(
        *("-m", "onnxlate.health", "h:1"), PYTHONPATH=without(tmp_path, "grpc_health")
    )

    assert (well.returncode, well.stdout) == (0, "SERVING\n")
    assert (ill.returncode, "NOT_SERVING" in ill.stderr) == (1, True)
    assert (nobody.returncode, "127.0.0.1:1" in nobody.stderr) == (1, True)
    assert (nowhere.returncode, "HOST:PORT" in nowhere.stderr) == (1, True)
    assert (unasked.returncode, unasked.stderr[:6]) == (1, "usage:")
    assert (bare.returncode, "onnxlate[serve]" in bare.stderr) == (1, True)
    for done in (stranger, ill, nobody, nowhere, unasked, bare):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
