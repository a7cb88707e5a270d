from pathlib import Path

import pytest

from onnxlate.errors import ConfigError
from onnxlate_training.model import SIZES
from onnxlate_training.recipe import changed_keys, load_recipe, parse_recipe
from onnxlate_training.schedule import ScheduleConfig

MINIMAL = """
name = "x"
[data]
source_language = "en"
target_language = "de"
train_source = ["a"]
train_target = ["b"]
valid_source = "c"
valid_target = "d"
"""


def recipe_file(folder: Path, more: str = "") -> Path:
    path = folder / "recipe.toml"
    path.write_text(MINIMAL + more)
    return path


def test_a_size_stands_for_its_numbers_and_may_be_changed(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, '[model]\nsize = "base"\nheads = 4\n')

    model = load_recipe(path).model

    assert model == SIZES["base"].model_copy(update={"heads": 4})


def test_changes_on_the_command_line_have_the_types_of_toml(tmp_path: Path) -> None:
    changes = ["seed=7", "model.dropout=0.25", "data.folder=some/where"]
    changes += ['data.train_source=["p", "q"]', 'data.train_target=["r", "s"]']

    recipe = load_recipe(recipe_file(tmp_path), changes)

    assert (recipe.seed, recipe.model.dropout) == (7, 0.25)
    assert recipe.data.folder == Path("some/where")
    assert recipe.data.train_source == (Path("p"), Path("q"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[train]\nmax_update = 3\n", "train.max_update is not a key.*max_updates"),
        ("[modle]\nwidth = 3\n", "modle is not a key; did you mean model"),
        ("[train]\nmax_updates = 0\n", "train.max_updates.*greater than 0"),
        ("[model]\nwidth = 10\nheads = 4\n", "multiple of heads"),
        ('[model]\nsize = "huge"\n', "there is tiny, small, base, big"),
        ('[model]\nsize = ["tiny"]\n', "there is tiny, small, base, big"),
        ("[decode]\nlength_penalty = -1\n", "decode.length_penalty.*equal to 0"),
        ("[decode]\nlength_penalty = 11\n", "decode.length_penalty.*equal to 10"),
        ('[tokenizer]\nkind = "split"\n', "tying.*joint"),
        ("[batch]\nmax_tokens = 100\n", "does not fit a batch of 100"),
        ("[model]\nmax_positions = 50\n", "50 positions"),
        ("[augment]\nplaceholders = 0.1\n", "needs symbols"),
        ("[augment]\nconjoined = 0.1\n", "needs words to join by"),
        ('[train]\naverage = "none"\nkeep_best = 0\n', '"none" needs train.keep_best'),
        ("[tokenizer]\nmax_lines = 100\n", "tokenizer.max_lines.*equal to 101"),
        ("[tokenizer]\ncharacter_coverage = 0.9\n", "character_coverage.*0.98"),
        ("[train]\nthreads = 1000000\n", "train.threads.*1024"),
        ('[tokenizer]\nalgorithm = "unigram"\ndropout = 0.1\n', 'needs .*"bpe"'),
        (
            '[tokenizer]\nalgorithm = "bytes"\nbyte_fallback = false\n',
            'algorithm "bytes" is',
        ),
        ('"a.b" = 1\n', "a.b is not a key"),
        ('[tokenizer]\nnormalization = "none"\n', "'nmt_nfkc', 'nfkc' or 'identity'"),
        ("name =", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe_file(tmp_path, more))


def test_a_run_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Its recipe may ask for what is refused at the start of a new one."""
    data = load_recipe(recipe_file(tmp_path)).model_dump(mode="json")
    data["augment"]["conjoined"] = 0.1
    data["train"] |= {"average": "none", "keep_best": 0}

    assert parse_recipe(data, "recipe.json").train.keep_best == 0


def test_a_key_that_is_written_wrong_is_why_another_is_missing(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    path.write_text(path.read_text().replace("name =", "nmae ="))

    with pytest.raises(ConfigError, match="nmae is not a key; did you mean name"):
        load_recipe(path)


def test_a_seed_has_32_bits(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)

    assert load_recipe(path, ["seed=4294967295"]).seed == 2**32 - 1
    with pytest.raises(ConfigError, match=r"seed.*less than 4294967296"):
        load_recipe(path, ["seed=20261127214736"])


def test_files_that_do_not_pair_up_and_missing_recipes_are_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="go in pairs"):
        load_recipe(recipe_file(tmp_path), ['data.train_source=["a", "b"]'])
    with pytest.raises(ConfigError, match="there is no recipe"):
        load_recipe(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        load_recipe(recipe_file(tmp_path), ["seed"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.train_source=a.txt", r"a list is wanted, as .* \(is 'a.txt'\)"),
        ("model=tiny", "model: a section is wanted"),
        ("name=3", r"name: text in quotes is wanted \(is 3\)"),
        ("data.folder=3", r"data.folder: a path in quotes is wanted \(is 3\)"),
    ],
)
def test_what_should_stand_there_is_said_in_words_of_toml(
    tmp_path: Path, change: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe_file(tmp_path), [change])


def test_a_recipe_may_come_from_an_editor_on_windows(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    content = b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(content)

    assert load_recipe(path).data.source_language


def test_differences_between_recipes_have_names(tmp_path: Path) -> None:
    one = load_recipe(recipe_file(tmp_path))
    other = load_recipe(recipe_file(tmp_path), ["seed=9", "train.patience=2"])

    assert changed_keys(one, other) == ["seed", "train.patience"]


def test_the_projects_own_recipes_are_right() -> None:
    folder = Path(__file__).parents[2] / "training" / "recipes"
    recipes = [load_recipe(path) for path in folder.glob("*.toml")]

    assert {recipe.name for recipe in recipes} >= {"multi30k-en-de", "numbers-en-de"}


def test_learning_rates_climb_and_fall() -> None:
    noam = ScheduleConfig(peak=0.01, warmup_updates=100)
    cosine = ScheduleConfig(shape="cosine", peak=0.01, warmup_updates=100, final=0.001)

    assert noam.rate(50, 1000) == pytest.approx(0.005)
    assert noam.rate(100, 1000) == pytest.approx(0.01)
    assert noam.rate(400, 1000) == pytest.approx(0.005)
    assert cosine.rate(550, 1000) == pytest.approx(0.0055)
    assert cosine.rate(1000, 1000) == pytest.approx(0.001)
