"""The corpus that a copying model learns from."""

from itertools import islice
from pathlib import Path

from onnxlate_training.copies import LONGEST, SIZES, lines, main
from onnxlate_training.recipe import load_recipe


def test_lines_are_short_stripped_and_the_same_for_the_same_seed() -> None:
    some = list(islice(lines(1, ["A piece of a text."]), 500))

    assert some == list(islice(lines(1, ["A piece of a text."]), 500))
    assert all(line == line.strip() and line.isprintable() for line in some)
    assert all(len(line) <= LONGEST for line in some)
    assert len(set(some)) > 490


def test_the_recipe_finds_the_same_text_on_both_sides(tmp_path: Path) -> None:
    recipe = load_recipe(Path("training/recipes/copying.toml"))

    main(tmp_path)

    source = (tmp_path / recipe.data.train_source[0]).read_text(encoding="utf-8")
    target = (tmp_path / recipe.data.train_target[0]).read_text(encoding="utf-8")
    assert source == target
    assert source.count("\n") == SIZES["train"]
