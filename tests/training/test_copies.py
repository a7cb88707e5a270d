"""The corpus that a copying model learns from."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from onnxlate_training.copies import LONGEST, SIZES, lines, main
from onnxlate_training.recipe import load_recipe


def test_lines_are_short_stripped_and_the_same_for_the_same_seed() -> None:
    some = list(islice(lines(1, ["A piece of a text.", "\u2581"]), 2000))

    assert some == list(islice(lines(1, ["A piece of a text.", "\u2581"]), 2000))
    assert all(line and line == line.strip() for line in some)
    assert all(len(line.encode()) <= LONGEST for line in some)
    assert not {"\n", "\r", "\u2581"} & set("".join(some))
    assert sum("piece" in line for line in some) > 20
    assert len(set(some)) > 1900


def test_every_byte_that_texts_may_have_comes() -> None:
    seen = set("".join(islice(lines(1), 2000)).encode())

    ends_of_lines = {0x0A, 0x0D}
    assert seen == {*range(0xC0), *range(0xC2, 0xF5)} - ends_of_lines


def test_the_recipe_finds_the_same_text_on_both_sides(tmp_path: Path) -> None:
    recipe = load_recipe(Path("training/recipes/copying.toml"))

    main(tmp_path)

    source = (tmp_path / recipe.data.train_source[0]).read_text(encoding="utf-8")
    target = (tmp_path / recipe.data.train_target[0]).read_text(encoding="utf-8")
    assert source == target
    assert source.count("\n") == SIZES["train"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generated", "file"], "file cannot be written: File exists"),
        (["copies", "file"], "file cannot be written: File exists"),
        (["copies", "new", "nothing"], "there is no nothing"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "file").touch()
    module, *rest = arguments

    done = subprocess.run(
        [sys.executable, "-m", f"onnxlate_training.{module}", *rest],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {words}\n"
    assert not (tmp_path / "new").exists()
