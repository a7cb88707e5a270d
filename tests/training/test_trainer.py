"""The training loop by itself, in this process, on examples of a few tokens."""

import dataclasses
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from onnxlate.errors import ConfigError, TrainingError
from onnxlate.text import Tokenizer
from onnxlate_training.batches import Held
from onnxlate_training.checkpoint import Progress, RunFolder
from onnxlate_training.corpus import Example, tokenize
from onnxlate_training.generated import pairs
from onnxlate_training.memory import enough_memory
from onnxlate_training.recipe import FilterConfig, Recipe, TokenizerConfig
from onnxlate_training.store import Store, write_examples
from onnxlate_training.subwords import train_subwords
from onnxlate_training.texts import Texts
from onnxlate_training.trainer import Trainer, batch_seed
from onnxlate_training.weights import build_model
from onnxlate_training.workers import Worker

SPELLING = "joint.spm"

ALONE = Worker(rank=0, world=1, device=torch.device("cpu"))


@dataclass
class Notes:
    """A reporter that remembers, and signals the trainer at an update if told to."""

    lines: list[str] = field(default_factory=list)
    figures: list[tuple[int, str, Mapping[str, float]]] = field(default_factory=list)
    trainer: Trainer | None = None
    stop_at: int = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def log(self, update: int, kind: str, values: Mapping[str, float]) -> None:
        self.figures.append((update, kind, values))

    def advance(self, update: int, loss: float, tokens_per_second: float) -> None:
        if self.trainer and update == self.stop_at:
            self.trainer.stop_signal = signal.SIGTERM

    def column(self, name: str, kind: str = "train") -> list[float]:
        return [values[name] for _, of, values in self.figures if of == kind]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    path = tmp_path_factory.mktemp("texts") / SPELLING
    stream = pairs(seed=2)
    training = [next(stream) for _ in range(40)]
    lines = [text for pair in training for text in pair]
    train_subwords(lines, path, TokenizerConfig(vocabulary=350), seed=1)
    tokenizer = Tokenizer(path)
    examples, _ = tokenize(training, tokenizer, tokenizer, FilterConfig())
    shortest = sorted(training, key=lambda pair: len(pair[0]))
    return Texts(Held(examples), shortest[:2], tokenizer, tokenizer)


def recipe(**sections: Mapping[str, object]) -> Recipe:
    data = {"source_language": "en", "target_language": "de"}
    data |= {"valid_source": "x", "valid_target": "x"}
    base: dict[str, dict[str, object]] = {
        "data": {**data, "train_source": ["x"], "train_target": ["x"]},
        "model": {
            **{"width": 8, "heads": 2, "feed_forward": 16, "max_positions": 300},
            **{"encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0},
        },
        "batch": {"max_tokens": 600},
        "schedule": {"warmup_updates": 5},
        "train": {"max_updates": 6, "validate_every": 3, "log_every": 1},
    }
    for name, changes in sections.items():
        base[name] = base.get(name, {}) | dict(changes)
    return Recipe.model_validate({"name": "x", **base})


def trainer(
    recipe: Recipe, texts: Texts, folder: Path, stop_at: int = 0
) -> tuple[Trainer, Notes]:
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, texts.source_tokenizer, texts.target_tokenizer)
    notes = Notes(stop_at=stop_at)
    notes.trainer = Trainer(recipe, texts, model, RunFolder(folder), ALONE, notes)
    return notes.trainer, notes


def test_gradients_that_are_accumulated_are_those_of_one_big_batch(
    texts: Texts, tmp_path: Path
) -> None:
    everything = recipe(batch={"max_tokens": 100_000})
    in_parts = recipe(batch={"max_tokens": 300, "accumulate": 100})

    one, at_once = trainer(everything, texts, tmp_path / "one")
    other, piecemeal = trainer(in_parts, texts, tmp_path / "other")
    assert one.run()
    assert other.run()

    assert one.progress.epoch == other.progress.epoch == 5
    for figure in ("loss", "gradient_norm"):
        assert piecemeal.column(figure) == pytest.approx(
            at_once.column(figure), rel=1e-4
        )


def test_a_stop_just_before_a_validation_puts_it_off_and_does_not_drop_it(
    texts: Texts, tmp_path: Path
) -> None:
    whole, _ = trainer(recipe(), texts, tmp_path / "whole")
    assert whole.run()

    stopped, notes = trainer(recipe(), texts, tmp_path / "run", stop_at=3)
    assert not stopped.run()
    assert notes.column("bleu", "valid") == []
    resumed, notes = trainer(recipe(), texts, tmp_path / "run")
    assert resumed.resume()
    assert resumed.run()

    assert [update for update, kind, _ in notes.figures if kind == "valid"] == [3, 6]
    seconds = {"seconds": 0.0}
    assert resumed.progress.model_copy(update=seconds) == whole.progress.model_copy(
        update=seconds
    )


class Alarm(Tokenizer):
    """A tokenizer, asked for nothing but validations, that signals in the midst."""

    trainer: Trainer

    def encode(self, text: str) -> list[int]:
        self.trainer.stop_signal = signal.SIGTERM
        return super().encode(text)


def test_a_signal_ends_a_validation_which_is_made_up_for_later(
    texts: Texts, tmp_path: Path
) -> None:
    alarm = Alarm(tmp_path.parent / "texts0" / SPELLING)
    stopped, notes = trainer(
        recipe(), dataclasses.replace(texts, source_tokenizer=alarm), tmp_path
    )
    alarm.trainer = stopped
    assert not stopped.run()
    assert stopped.progress.update == 3
    assert notes.column("bleu", "valid") == []

    resumed, notes = trainer(recipe(), texts, tmp_path)
    assert resumed.resume()
    assert resumed.run()

    assert [update for update, kind, _ in notes.figures if kind == "valid"] == [3, 6]


def test_a_stop_leaves_no_trace_in_what_the_run_comes_to(
    texts: Texts, tmp_path: Path
) -> None:
    settings = recipe(
        train={"max_updates": 8, "validate_every": 4, "save_every": 2, "keep_last": 3}
    )
    whole, _ = trainer(settings, texts, tmp_path / "whole")
    assert whole.run()
    for number in (5, 7):
        stopped, _ = trainer(settings, texts, tmp_path / "run", stop_at=number)
        stopped.resume()
        assert not stopped.run()
        # What it would come to by now, it comes to with all that it has learnt.
        _, note = RunFolder(tmp_path / "run").final(settings)
        assert note.updates[-1] == number
    resumed, _ = trainer(settings, texts, tmp_path / "run")
    assert resumed.resume()
    assert resumed.run()

    notes = [RunFolder(tmp_path / each).final(settings) for each in ("whole", "run")]
    (weights, note), (others, other) = notes
    assert note.updates == other.updates == [4, 6, 8]
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_what_is_best_is_told_anew_by_another_metric(
    texts: Texts, tmp_path: Path
) -> None:
    by_bleu = recipe(train={"average": "none"})
    first, notes = trainer(by_bleu, texts, tmp_path)
    assert first.run()
    record = RunFolder(tmp_path).history
    record.write_text(
        "".join(
            json.dumps({"update": update, "kind": kind, **figures}) + "\n"
            for update, kind, figures in notes.figures
        )
    )

    by_loss = recipe(train={"average": "none", "metric": "loss"})
    again, _ = trainer(by_loss, texts, tmp_path)
    assert again.resume()

    losses = notes.column("loss", "valid")
    assert again.progress.scores == {3: -losses[0], 6: -losses[1]}
    assert RunFolder(tmp_path).progress().scores == again.progress.scores
    record.unlink()
    without, _ = trainer(by_bleu, texts, tmp_path)
    assert without.resume()
    assert without.progress.scores == again.progress.scores


def test_too_little_memory_is_told_in_one_line() -> None:
    too_small = "memory is too small: lower batch"
    with pytest.raises(TrainingError, match=f"^{too_small}"), enough_memory():
        torch.empty(2**60)
    with pytest.raises(TrainingError, match=f"GPU's {too_small}"), enough_memory():
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="a fault"), enough_memory():
        raise RuntimeError("a fault")


def test_a_finished_run_has_nothing_left_to_do(texts: Texts, tmp_path: Path) -> None:
    first, _ = trainer(recipe(), texts, tmp_path)
    assert first.run()

    again, notes = trainer(recipe(), texts, tmp_path)
    assert again.resume()
    assert again.run()

    assert notes.figures == []


def test_patience_ends_a_run_and_its_continuation(texts: Texts, tmp_path: Path) -> None:
    idle = recipe(
        schedule={"peak": 1e-12},
        train={"max_updates": 50, "validate_every": 2, "patience": 2},
    )
    first, notes = trainer(idle, texts, tmp_path)
    assert first.run()
    again, more = trainer(idle, texts, tmp_path)
    assert again.resume()
    assert again.run()

    assert first.progress.update == again.progress.update == 6
    assert notes.lines == more.lines == ["no better validation since update 2; done"]


def test_a_metric_is_better_the_higher_and_loss_the_lower(
    texts: Texts, tmp_path: Path
) -> None:
    learner, notes = trainer(recipe(train={"metric": "loss"}), texts, tmp_path)

    assert learner.run()

    first, second = notes.column("loss", "valid")
    assert learner.progress.scores == {3: -first, 6: -second}
    assert learner.progress.ranking[0] == (3 if first < second else 6)


def test_without_its_optimiser_a_checkpoint_is_refused_not_begun_anew(
    texts: Texts, tmp_path: Path
) -> None:
    first, _ = trainer(recipe(), texts, tmp_path)
    assert first.run()
    RunFolder(tmp_path).checkpoints()[-1].drop_optimizer()

    with pytest.raises(TrainingError, match=r"optimizer\.safetensors is missing"):
        trainer(recipe(), texts, tmp_path)[0].resume()


def test_another_models_checkpoint_is_refused(texts: Texts, tmp_path: Path) -> None:
    first, _ = trainer(recipe(), texts, tmp_path)
    assert first.run()

    for change in ({"width": 16}, {"decoder_layers": 2}):
        with pytest.raises(TrainingError, match="do not fit the model: "):
            trainer(recipe(model=change), texts, tmp_path)[0].resume()


def test_a_loss_that_is_no_number_is_not_trained_on(
    texts: Texts, tmp_path: Path
) -> None:
    absurd = recipe(schedule={"peak": 1e37}, optimizer={"clip_norm": 0})

    with pytest.raises(TrainingError, match=r"Lower schedule\.peak"):
        trainer(absurd, texts, tmp_path)[0].run()


def test_every_batch_has_dropout_of_its_own() -> None:
    places = [(s, u, i) for s in (1, 2) for u in (1, 65_537, 131_073) for i in (0, 1)]
    draws = set()
    for place in places:
        torch.manual_seed(batch_seed(*place))
        draws.add(float(torch.rand(())))

    assert len(draws) == len(places)
    assert batch_seed(1, 2, 3) == batch_seed(1, 2, 3)


def test_the_scale_of_half_precision_survives_a_checkpoint() -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    noted = Progress(loss_scale=scaler.state_dict()).model_dump_json()

    resumed = torch.amp.GradScaler("cpu")
    resumed.load_state_dict(dict(Progress.model_validate_json(noted).loss_scale))

    assert resumed.state_dict() == scaler.state_dict()
    assert isinstance(resumed.state_dict()["growth_interval"], int)


def test_an_update_counts_real_target_tokens(texts: Texts, tmp_path: Path) -> None:
    learner, _ = trainer(recipe(batch={"max_tokens": 100_000}), texts, tmp_path)

    assert learner.run()

    tokens = texts.training.window(0, 0)[1].lengths.sum()
    assert learner.progress.num_target_tokens == 6 * tokens


def test_sentences_without_tokens_are_left_out_of_the_validation_loss(
    texts: Texts, tmp_path: Path
) -> None:
    blank = dataclasses.replace(
        texts, validation=[*texts.validation, ("\u200b", "one"), ("one", "\u200b")]
    )
    plain, notes = trainer(recipe(), texts, tmp_path / "plain")
    with_blank, more = trainer(recipe(), blank, tmp_path / "blank")
    assert plain.run()
    assert with_blank.run()

    assert np.isfinite(more.column("bleu", "valid")).all()
    assert more.column("loss", "valid") == pytest.approx(notes.column("loss", "valid"))


def test_every_epoch_cuts_the_text_anew_and_a_resumed_one_alike(
    texts: Texts, tmp_path: Path
) -> None:
    usual = texts.training.window(0, 0)
    examples = [Example(one, other) for one, other in zip(*usual, strict=True)]
    tokenizers = texts.source_tokenizer, texts.target_tokenizer
    write_examples(tmp_path, examples, tokenizers, dropout=0.3, seed=1)
    anew = Store(tmp_path, window=15, dropout=0.3, max_tokens=60, seed=1)
    cut = dataclasses.replace(texts, training=anew)
    few = recipe(batch={"max_tokens": 2000})

    whole, at_once = trainer(few, cut, tmp_path / "whole")
    assert whole.run()
    stopped, before = trainer(few, cut, tmp_path / "run", stop_at=2)
    assert not stopped.run()
    resumed, after = trainer(few, cut, tmp_path / "run")
    assert resumed.resume()
    assert resumed.run()

    losses = [*before.column("loss"), *after.column("loss")]
    assert losses == at_once.column("loss")
    assert anew.num_windows == 3
    assert whole.progress.epoch > 0
    tokens = usual[1].lengths.sum()
    learnt = sum(anew.window(0, number)[1].lengths.sum() for number in range(3))
    assert learnt > 1.1 * tokens


def test_two_guesses_of_a_batch_are_compared_from_an_update_on(
    texts: Texts, tmp_path: Path
) -> None:
    def losses(name: str, **train: float) -> list[float]:
        shaken = recipe(model={"dropout": 0.3}, train=train)
        learner, notes = trainer(shaken, texts, tmp_path / name)
        assert learner.run()
        return notes.column("loss")

    plain = losses("plain")
    compared = losses("compared", consistency=5.0, consistency_after=4)

    assert compared[:4] == plain[:4]
    assert compared[4] != plain[4]
    # Both guesses are the same where nothing is dropped.
    still, notes = trainer(recipe(train={"consistency": 5.0}), texts, tmp_path / "s")
    alone, lonely = trainer(recipe(), texts, tmp_path / "alone")
    assert still.run()
    assert alone.run()
    assert notes.column("loss") == pytest.approx(lonely.column("loss"), rel=1e-4)


def test_half_precision_on_a_cpu_is_trained_in_or_refused(
    texts: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = recipe(train={"precision": "bf16"})
    whole, exact = trainer(recipe(), texts, tmp_path / "whole")
    assert whole.run()

    # It is right on any CPU, if not quick.
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    able, rough = trainer(half, texts, tmp_path / "able")
    assert able.run()
    assert rough.column("loss") == pytest.approx(exact.column("loss"), rel=0.01)
    assert rough.column("loss") != exact.column("loss")

    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(ConfigError, match=r"train\.precision=fp32"):
        trainer(half, texts, tmp_path / "unable")
