"""What a container is told, and what counts as too much. The rest needs root."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.endurance.target import Unfit
from benchmarks.image.buildah import Layer
from benchmarks.image.command import require, sizes
from benchmarks.image.specification import Wishes, specification, user_of
from onnxlate.errors import ConfigError

DRAFT: dict[str, Any] = {
    "process": {
        "terminal": True,
        "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]},
    },
    "mounts": [{"destination": "/proc"}],
    "linux": {"namespaces": [{"type": "pid"}, {"type": "network"}]},
}

SETTINGS: dict[str, Any] = {
    "User": "10001",
    "Env": ["PATH=/venv/bin"],
    "Entrypoint": ["onnxlate", "serve"],
    "Cmd": ["--insecure"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nonnxlate:x:10001:10002::/home:/bin/false\n"
    )
    return tmp_path


def told(root: Path, wishes: Wishes) -> dict[str, Any]:
    return specification(DRAFT, SETTINGS, root, Path("/run/netns/x"), wishes)


def test_an_image_runs_as_its_user_with_nothing_to_write_and_no_powers(
    root: Path,
) -> None:
    made = told(root, Wishes())

    assert made["root"] == {"path": str(root), "readonly": True}
    assert made["process"]["user"] == {"uid": 10001, "gid": 10002}
    assert made["process"]["capabilities"] == {"bounding": [], "effective": []}
    assert made["process"]["noNewPrivileges"]
    assert made["process"]["args"] == ["onnxlate", "serve", "--insecure"]
    assert made["linux"]["namespaces"] == [
        {"type": "pid"},
        {"type": "network", "path": "/run/netns/x"},
    ]


def test_what_is_said_at_the_start_replaces_the_command_and_adds_mounts(
    root: Path,
) -> None:
    wishes = Wishes(("--web", "x"), {"A": "b"}, {"/given": root}, ("/tmp",))

    made = told(root, wishes)

    assert made["process"]["args"] == ["onnxlate", "serve", "--web", "x"]
    assert made["process"]["env"] == ["PATH=/venv/bin", "A=b"]
    [proc, given, scratch] = made["mounts"]
    assert proc == {"destination": "/proc"}
    assert (given["source"], given["options"][0]) == (str(root), "ro")
    assert (scratch["destination"], scratch["type"]) == ("/tmp", "tmpfs")


def test_a_user_by_name_is_refused_since_nobody_can_tell_that_it_is_not_root(
    root: Path,
) -> None:
    assert user_of("10001:7", root) == (10001, 7)
    assert user_of("5", root) == (5, 0)
    with pytest.raises(ConfigError, match="runAsNonRoot"):
        user_of("onnxlate", root)


def test_our_layers_are_those_above_the_base() -> None:
    base, own = Layer(100_000_000, 40_000_000), Layer(50_000_000, 20_000_000)

    assert sizes([base, own, own], [base]) == {
        "mb": 200.0,
        "mb_of_our_layers": 100.0,
        "mb_compressed": 80.0,
        "mb_of_our_layers_compressed": 40.0,
    }


def test_more_than_the_bar_is_unfit() -> None:
    require(400, 400, "MB")
    with pytest.raises(Unfit, match="401 MB are more than 400"):
        require(401, 400, "MB")


def test_the_dockerfile_copies_nothing_that_is_kept_from_it() -> None:
    project = Path(__file__).parents[2]
    let_in = {
        line[1:]
        for line in (project / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for line in (project / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }

    assert copied == let_in
    assert all((project / name).exists() for name in copied)
