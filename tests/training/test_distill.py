"""Teachers that work together, and what `onnxlate distill` writes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from onnxlate.cli import app
from onnxlate.errors import ConfigError
from onnxlate.search import SearchOptions
from onnxlate.text import BOS_ID, EOS_ID, Tokenizer
from onnxlate_training.checkpoint import RunFolder, load_model
from onnxlate_training.cli import train_run
from onnxlate_training.decode import EnsembleStepper, TorchStepper, decode
from onnxlate_training.distill import nearest
from onnxlate_training.model import ModelConfig, Transformer
from onnxlate_training.recipe import DecodeConfig, load_recipe
from onnxlate_training.validation import translate

from .runs import write_corpus

VOCABULARY = 20
SOURCES = [[5, 6, 7, EOS_ID], [8, EOS_ID], []]


def small(seed: int, width: int = 8) -> Transformer:
    torch.manual_seed(seed)
    config = ModelConfig(
        width=width, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1
    )
    model = Transformer(config, VOCABULARY, VOCABULARY).eval()
    for parameter in model.parameters():  # far from zero, so that tokens vary
        parameter.data.mul_(3)
    return model


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def runs(recipe: Path) -> list[Path]:
    """Two of one vocabulary, which end some sentences, and one of another."""
    quick = ("schedule.peak=0.02", "model.dropout=0")
    paths = []
    for seed, size, updates in ((1, 400, 160), (2, 400, 160), (1, 390, 4)):
        path = recipe.parent / f"run-{seed}-{size}"
        which = (f"seed={seed}", f"tokenizer.vocabulary={size}")
        train_here(recipe, path, *which, f"train.max_updates={updates}", *quick)
        paths.append(path)
    return paths


def train_here(recipe: Path, path: Path, *changes: str, resume: bool = False) -> None:
    folder = f"data.folder={json.dumps(str(recipe.parent))}"
    rare = [f"train.{what}_every=1000" for what in ("validate", "save", "log")]
    train_run(load_recipe(recipe, [folder, *rare, *changes]), path, resume)


def distill(*arguments: object) -> dict[str, int]:
    done = CliRunner().invoke(
        app, ["distill", *map(str, arguments), "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    answer: dict[str, int] = json.loads(done.stdout)
    return answer


def test_several_teachers_choose_by_the_mean_of_their_probabilities() -> None:
    models = [small(1), small(2, width=12)]
    ids, visible = np.array([[5, 6, EOS_ID]]), np.ones((1, 3), bool)
    tokens = np.array([BOS_ID])

    def probabilities(model: Transformer) -> torch.Tensor:
        logits = TorchStepper(model).start(ids, visible).step(tokens)
        return torch.from_numpy(logits).softmax(dim=-1)

    mean = sum(map(probabilities, models), torch.zeros(())) / 2
    together = EnsembleStepper(models).start(ids, visible).step(tokens)

    torch.testing.assert_close(torch.from_numpy(together).exp(), mean)


def test_one_teacher_alone_translates_as_it_would_anyway() -> None:
    options = [SearchOptions(max_target_tokens=9, beam_size=3)] * len(SOURCES)

    alone = decode(TorchStepper(small(1)), SOURCES, options)
    as_teacher = decode(EnsembleStepper([small(1)]), SOURCES, options)

    assert [one[0].tokens for one in as_teacher] == [one[0].tokens for one in alone]
    other = decode(EnsembleStepper([small(1), small(2)]), SOURCES, options)
    assert [one[0].tokens for one in other] != [one[0].tokens for one in alone]


def test_the_nearest_is_the_one_most_like_the_reference() -> None:
    said = ["Guten Morgen!", "Guten Tag!", "Hallo!"]

    assert nearest(said, "Guten Tag, Anna!") == "Guten Tag!"
    assert nearest(said, "ξ") == "Guten Morgen!"  # all equal: the better one


def test_every_line_is_translated_in_its_place(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    source, reference = recipe.parent / "valid.en", recipe.parent / "valid.de"
    best, close = tmp_path / "best", tmp_path / "nearest"

    answer = distill(
        *runs[:2], "--source", source, "-o", best, "--beam-size", 3,
        "--reference", reference, "--nearest", close,
    )  # fmt: skip

    assert answer["lines"] == 10
    assert answer["teachers"] == 2
    lines = best.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(close.read_text(encoding="utf-8").splitlines()) == 10
    one = tmp_path / "one"
    distill(runs[0], "--source", source, "-o", one, "--beam-size", 1)
    loaded = load_model(runs[0])
    alone = translate(
        loaded.model,
        source.read_text(encoding="utf-8").splitlines(),
        Tokenizer(loaded.source_tokenizer),
        Tokenizer(loaded.target_tokenizer),
        DecodeConfig().defaults,
        beam_size=1,
    )
    found = one.read_text(encoding="utf-8").splitlines()
    for mine, theirs in zip(found, alone, strict=True):
        assert mine in (theirs, "")  # which is what has no end
    assert any(found)


def test_what_is_blank_or_too_long_is_left_empty_and_counted(
    runs: list[Path], tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text(f"twenty-one\n\n{'seven ' * 70}\nfifty\n", encoding="utf-8")

    answer = distill(runs[0], "--source", text, "-o", tmp_path / "out")

    lines = (tmp_path / "out").read_text(encoding="utf-8").split("\n")
    assert len(lines) == 5
    assert not any(lines[i] for i in (1, 2, 4))
    assert answer["left_empty"] == 3 - bool(lines[0]) - bool(lines[3])


def test_files_that_cannot_be_written_are_named_before_the_work(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    source = recipe.parent / "valid.en"
    with pytest.raises(ConfigError, match="cannot write"):
        distill(runs[0], "--source", source, "-o", tmp_path / "none" / "out")
    with pytest.raises(ConfigError, match=r"leave \.gz off"):
        distill(runs[0], "--source", source, "-o", tmp_path / "out.gz")


def test_the_text_is_not_written_over(runs: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("one\n")
    (tmp_path / "here").mkdir()

    with pytest.raises(ConfigError, match="--source and --output are both"):
        distill(runs[0], "--source", text, "-o", tmp_path / "here" / ".." / "text")

    assert text.read_text() == "one\n"


def test_teachers_of_two_pairs_of_languages_are_refused(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    recipe_file = RunFolder(other).recipe
    recipe_file.write_text(recipe_file.read_text().replace('"de"', '"nl"'))

    with pytest.raises(ConfigError, match="en to de and en to nl"):
        source = recipe.parent / "valid.en"
        distill(runs[0], other, "--source", source, "-o", tmp_path / "out")


def test_teachers_of_two_vocabularies_are_refused(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"joint\.spm differ.*need one vocabulary"):
        distill(*runs, "--source", recipe.parent / "valid.en", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--reference", "valid.de"], "--reference and --nearest go together"),
        (["--reference", "train.de", "--nearest", "x"], "has 10 lines and"),
        (["--reference", "valid.de", "--nearest", "out"], "--nearest are both .*out"),
        (["--device", "cuda"], '--device is "cuda", but torch finds no GPU'),
    ],
)
def test_mistakes_are_named(
    options: list[str], said: str, runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    if "cuda" in options and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    places = {
        **{name: recipe.parent / name for name in ("valid.de", "train.de")},
        "out": tmp_path / "out",
    }
    options = [str(places.get(each, each)) for each in options]
    with pytest.raises(Exception, match=said) as caught:
        source = recipe.parent / "valid.en"
        distill(runs[0], "--source", source, "-o", tmp_path / "out", *options)
    assert type(caught.value).__name__ in ("ConfigError", "CorpusError")


# ------------------------------------------------- going on from another run


def test_a_run_begins_with_the_weights_and_tokenizers_of_another(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    still = ("schedule.peak=1e-12", "train.max_updates=4", "seed=9")

    train_here(recipe, run, f"train.start_from={runs[0]}", *still)

    assert (run / "joint.spm").read_bytes() == (runs[0] / "joint.spm").read_bytes()
    theirs, mine = RunFolder(runs[0]).result()[0], RunFolder(run).result()[0]
    for name, weight in theirs.items():
        torch.testing.assert_close(mine[name], weight, atol=1e-6, rtol=0)


def test_a_run_goes_on_when_the_one_that_it_began_with_is_gone(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    start, run = tmp_path / "start", tmp_path / "run"
    shutil.copytree(runs[0], start)
    train_here(recipe, run, f"train.start_from={start}", "train.max_updates=2")
    shutil.rmtree(start)

    more = (f"train.start_from={start}", "train.max_updates=4")
    train_here(recipe, run, *more, resume=True)

    assert RunFolder(run).checkpoints()[-1].path.name == "update-00000004"


def test_another_shape_and_no_run_are_refused(
    runs: list[Path], recipe: Path, tmp_path: Path
) -> None:
    start = f"train.start_from={runs[0]}"
    with pytest.raises(ConfigError, match=r"has another model\.feed_forward than"):
        train_here(recipe, tmp_path / "a", start, "model.feed_forward=48")
    with pytest.raises(ConfigError, match=r"has another tokenizer\.vocabulary than"):
        train_here(recipe, tmp_path / "d", start, "tokenizer.vocabulary=350")
    with pytest.raises(ConfigError, match="is not a training run"):
        train_here(recipe, tmp_path / "b", f"train.start_from={tmp_path}")
    split = ('tokenizer.kind="split"', 'model.tying="output"')
    with pytest.raises(ConfigError, match=r"has another tokenizer\.kind than"):
        train_here(recipe, tmp_path / "c", start, *split)
