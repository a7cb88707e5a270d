import shutil
import warnings
from pathlib import Path

import pytest
from matplotlib import image

from onnxlate.errors import ConfigError
from onnxlate_training.checkpoint import RunFolder
from onnxlate_training.curves import draw_curves, read_history
from onnxlate_training.recipe import load_recipe

from .runs import write_corpus

LINES = """\
{"update": 5, "kind": "train", "loss": 3.5, "learning_rate": 0.1}
{"update": 10, "kind": "train", "loss": 2.5, "learning_rate": 0.2}
{"update": 10, "kind": "valid", "loss": 2.75, "bleu": 1.5, "chrf": 9.5}
{"update": 15, "kind": "tr"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "run")
    folder.open_for(load_recipe(write_corpus(tmp_path)))
    folder.history.write_text(LINES)
    return folder.path


def test_a_history_is_read_while_it_is_written(run: Path) -> None:
    history = read_history(run)

    assert history.name == "run"
    assert history.series("train", "loss") == ([5.0, 10.0], [3.5, 2.5])
    assert history.series("valid", "bleu") == ([10.0], [1.5])
    assert history.series("valid", "learning_rate") == ([], [])


def test_lines_that_a_power_cut_left_are_passed_over(run: Path) -> None:
    whole = (run / "history.jsonl").read_text()
    (run / "history.jsonl").write_text(f"{whole}\0\0\n{LINES[:66]}")

    assert read_history(run).series("train", "loss") == ([5, 10, 5], [3.5, 2.5, 3.5])


def test_curves_are_drawn_and_equal_runs_give_equal_pictures(run: Path) -> None:
    history = read_history(run)
    for suffix in ("png", "svg"):
        one, other = (run / f"{name}.{suffix}" for name in ("one", "other"))

        assert draw_curves([history], one) == one
        draw_curves([history], other)

        assert one.read_bytes() == other.read_bytes()
    picture = image.imread(run / "one.png")
    assert len({tuple(pixel) for row in picture[::4] for pixel in row[::4]}) > 3
    assert "validation" in (run / "one.svg").read_text()


def test_names_are_drawn_as_they_are(run: Path) -> None:
    for name in ("_one", "b$\\foo$"):
        other = run.with_name(name)
        shutil.copytree(run, other)

        with warnings.catch_warnings(action="error"):
            drawn = draw_curves([read_history(other)], run.parent / "c.svg")

        # Paths and not letters, but each text stands before it as a comment.
        assert f"<!-- {name}, validation -->" in drawn.read_text()


def test_what_cannot_be_drawn_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a training run"):
        read_history(tmp_path)
    with pytest.raises(ConfigError, match=r"no \.png or \.svg file"):
        draw_curves([read_history(run)], run / "curves.bmp")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_curves([read_history(run)], run / "recipe.json" / "curves.png")
    (run / "history.jsonl").write_text("")
    with pytest.raises(ConfigError, match="no line of history yet"):
        read_history(run)
