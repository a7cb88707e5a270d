"""What a run leaves on disk, and how it is read back.

    RUN/recipe.json                 the recipe in effect, and what wrote it
    RUN/corpus.json                 what was read, kept and dropped
    RUN/corpus/                     the training text in tokens
    RUN/joint.spm                   or source.spm and target.spm
    RUN/history.jsonl               one line per log line and validation
    RUN/checkpoints/update-00000500/
        model.safetensors           weights
        optimizer.safetensors       Adam's moments; newest checkpoint only
        state.json                  where the run stands
    RUN/model.safetensors           the final weights, averaged
    RUN/model.json                  which checkpoints those are

Random numbers are not saved because none are carried over: every batch's dropout
is seeded with the seed and the batch's own number, and the order of batches with
the seed and the epoch's.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import save
from torch import Tensor

from onnxlate import __version__
from onnxlate.bundle import DecodeDefaults
from onnxlate.errors import ConfigError, CorpusError, TrainingError
from onnxlate.text import Tokenizer

from .corpus import validation_pairs
from .model import Transformer
from .recipe import Recipe, parse_recipe
from .storage import new_folder, remove_folder, sweep, translated, write_atomically
from .weights import average, build_model, load_tensors, load_weights

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


class Progress(BaseModel):
    """Where a run stands: enough to go on as if it had never stopped."""

    model_config = ConfigDict(extra="forbid")

    update: int = 0
    """Updates made."""
    epoch: int = 0
    window: int = 0
    """Of the epoch; a corpus that fits into memory is one."""
    updates_in_window: int = Field(
        default=0,
        validation_alias=AliasChoices("updates_in_window", "updates_in_epoch"),
    )
    """The older name is from when all of a corpus was in memory."""
    num_target_tokens: int = 0
    """Real target tokens learnt from, repetitions counted."""
    seconds: float = 0.0
    """Spent in updates, validation and saving left out."""
    scores: dict[int, float] = {}
    """Update -> validation score, higher is better."""
    loss_scale: dict[str, float | int] = {}
    """State of fp16's gradient scaler."""
    in_between: bool = False
    """Whether the checkpoint is there only because the run was stopped: once that has
    gone on, all is as if there had been none."""

    @property
    def ranking(self) -> list[int]:
        """Updates by their scores, best first; of equals the earlier."""
        return sorted(self.scores, key=lambda at: (-self.scores[at], at))


@dataclass(frozen=True)
class Checkpoint:
    path: Path

    @property
    def update(self) -> int:
        return int(self.path.name.removeprefix("update-"))

    @property
    def has_optimizer(self) -> bool:
        return (self.path / OPTIMIZER).is_file()

    def load_model(self) -> dict[str, Tensor]:
        return load_tensors(self.path / MODEL)

    def load_optimizer(self) -> dict[str, Tensor]:
        return load_tensors(self.path / OPTIMIZER)

    def load_progress(self) -> Progress:
        try:
            return Progress.model_validate_json((self.path / STATE).read_bytes())
        except (OSError, ValidationError) as cause:
            raise TrainingError(f"{self.path / STATE} is damaged") from cause

    @property
    def in_between(self) -> bool:
        try:
            return self.load_progress().in_between
        except TrainingError:  # for whoever goes on from it
            return False

    def write_progress(self, progress: Progress) -> None:
        """What became known after the checkpoint was made, such as its score."""
        content = progress.model_dump_json(indent=2).encode()
        write_atomically(self.path / STATE, content)

    def drop_optimizer(self) -> None:
        (self.path / OPTIMIZER).unlink(missing_ok=True)


class FinalNote(BaseModel):
    """Where the final weights come from."""

    average: str
    updates: list[int]
    """Of the checkpoints that they are the mean of."""
    progress: Progress | None = None
    """Of all runs together, where they are the mean of several."""
    descends_from: list[Path] | None = None
    """What all of those went on from, or are."""


class RunFolder:
    """One training run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.json"
        self.corpus_report = path / "corpus.json"
        self.corpus = path / "corpus"
        self.made_of = self.corpus / "made_of.json"
        self.history = path / "history.jsonl"
        self.final_model = path / MODEL
        self.final_note = path / "model.json"

    def checkpoints(self) -> list[Checkpoint]:
        """Whole ones, oldest first; a half-written one never gets its name."""
        found = (self.path / "checkpoints").glob("update-*")
        return [
            Checkpoint(path)
            for path in sorted(found, key=lambda path: (len(path.name), path.name))
            if re.fullmatch(r"update-\d{8,}", path.name)
        ]

    def progress(self) -> Progress:
        """Where the newest checkpoint stands."""
        newest = self.checkpoints()[-1:]
        return newest[0].load_progress() if newest else Progress()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises ConfigError if another process trains into this folder.

        It is free again when a process ends, however it does.
        """
        with translated(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as cause:
                raise ConfigError(
                    f"another process trains into {self.path}; stop it, or choose "
                    "another folder with --output"
                ) from cause
            except OSError:
                pass  # a file system without locks
            yield
        finally:
            os.close(folder)

    def open_for(self, recipe: Recipe) -> None:
        """Makes the folder, or tidies up what an earlier, killed process left."""
        with translated(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if self._is_ours():
                names = (re.escape(each.name) for each in self._files)
                sweep(self.path, "|".join(names))
                sweep(self.path / "checkpoints", r"update-\d+")
                for each in self.checkpoints():
                    sweep(each.path, re.escape(STATE))
        self.write_recipe(recipe)

    def stranger(self) -> Path | None:
        """What a run here would replace, though it is no run's."""
        if self._is_ours():
            # It may have come after a start that failed.
            made = self.checkpoints() or self.made_of.is_file()
            return self.corpus if self.corpus.exists() and not made else None
        return next((each for each in self._files if each.exists()), None)

    @property
    def _files(self) -> list[Path]:
        """All that a run writes here, but for folders that have it to themselves."""
        files = [self.recipe, self.corpus, self.corpus_report, self.history]
        return [*files, self.final_model, self.final_note, *self.all_tokenizers]

    def _is_ours(self) -> bool:
        """Whether a run was begun here; others have files of these names, too."""
        try:
            note: Any = json.loads(self.recipe.read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
            return False
        return isinstance(note, dict) and {"written_by", "recipe"} <= note.keys()

    def records(self) -> list[dict[str, Any]]:
        """Lines of the history, but for what a crash left half written or blank."""
        try:
            lines = self.history.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [found for line in lines if (found := _record(line))]

    @property
    def all_tokenizers(self) -> list[Path]:
        names = "joint", "source", "target"
        return [self.path / f"{name}.spm" for name in names]

    def tokenizers(self, kind: str) -> tuple[Path, Path]:
        """Where the source's and the target's SentencePiece models are."""
        if kind == "joint":
            return (self.path / "joint.spm",) * 2
        return self.path / "source.spm", self.path / "target.spm"

    def write_recipe(self, recipe: Recipe) -> None:
        note = {
            "written_by": f"onnxlate {__version__}",
            "recipe": recipe.model_dump(mode="json"),
        }
        write_atomically(self.recipe, json.dumps(note, indent=2).encode())

    def read_recipe(self) -> Recipe:
        """Raises ConfigError if this is no run."""
        try:
            data: Any = json.loads(self.recipe.read_text(encoding="utf-8"))
            recipe = data["recipe"]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise ConfigError(
                f"{self.path} is not a training run; `onnxlate train` makes one"
            ) from cause
        return parse_recipe(recipe, str(self.recipe))

    def save(
        self,
        weights: Mapping[str, Tensor],
        moments: Mapping[str, Tensor],
        progress: Progress,
    ) -> Checkpoint:
        """Writes a checkpoint; raises TrainingError and leaves the others alone.

        A final model goes: it is no longer what the run came to.
        """
        path = self.path / "checkpoints" / f"update-{progress.update:08d}"
        with new_folder(path) as folder:
            # Written by us and not by save_file, whose errors name no reason.
            (folder / MODEL).write_bytes(save(dict(weights)))
            (folder / OPTIMIZER).write_bytes(save(dict(moments)))
            (folder / STATE).write_text(progress.model_dump_json(indent=2))
        self.final_model.unlink(missing_ok=True)
        return Checkpoint(path)

    def prune(self, progress: Progress, keep_last: int, keep_best: int) -> None:
        """Deletes checkpoints that are neither new nor good."""
        everyone = self.checkpoints()
        lasting = [each for each in everyone if not each.in_between]
        kept = {each.update for each in lasting[-keep_last:]}
        kept.update(progress.ranking[:keep_best])
        for each in everyone[:-1]:
            each.drop_optimizer()
            if each.update not in kept:
                remove_folder(each.path)

    def write_final(self, recipe: Recipe) -> FinalNote:
        """Averages checkpoints into the final model, and says which."""
        weights, note = self.final(recipe)
        self.write_result(weights, note)
        return note

    def write_result(self, weights: Mapping[str, Tensor], note: FinalNote) -> None:
        content = note.model_dump_json(exclude_none=True).encode()
        write_atomically(self.final_note, content)
        write_atomically(self.final_model, save(dict(weights)))

    def ancestors(self) -> list[Path]:
        """What its weights went on from, as far as this run knows.

        Raises ConfigError if this is no run.
        """
        start = self.read_recipe().train.start_from
        found = [start] if start else []
        with suppress(TrainingError):  # a run has no note before it is at its end
            found += self._read_note().descends_from or []
        return found

    def _read_note(self) -> FinalNote:
        try:
            return FinalNote.model_validate_json(self.final_note.read_bytes())
        except (OSError, ValidationError) as cause:
            raise TrainingError(f"{self.final_note} is missing or damaged") from cause

    def read_final(self) -> tuple[dict[str, Tensor], FinalNote]:
        """What `write_final` wrote; raises TrainingError for damaged files."""
        note = self._read_note()
        return load_tensors(self.final_model), note

    def result(self) -> tuple[dict[str, Tensor], FinalNote]:
        """The final model, or what it would be by now."""
        if self.final_model.is_file():
            return self.read_final()
        return self.final(self.read_recipe())

    def final(self, recipe: Recipe) -> tuple[dict[str, Tensor], FinalNote]:
        """The final model as it would be if the run ended here."""
        chosen = self._chosen(recipe)
        note = FinalNote(
            average=recipe.train.average,
            updates=[each.update for each in chosen],
        )
        return average([each.load_model() for each in chosen]), note

    def _chosen(self, recipe: Recipe) -> list[Checkpoint]:
        lasting = self.checkpoints()
        if not lasting:
            raise ConfigError(f"{self.path} has no checkpoint yet")
        lasting[:-1] = [each for each in lasting[:-1] if not each.in_between]
        everyone = {each.update: each for each in lasting}
        newest = lasting[-recipe.train.keep_last :]
        ranking = newest[-1].load_progress().ranking
        best = [everyone[at] for at in ranking if at in everyone]
        match recipe.train.average:
            case "last":
                return newest
            case "best":
                return best[: recipe.train.keep_best] or newest[-1:]
            case "none":
                return best[:1] or newest[-1:]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    whole = isinstance(found, dict) and {"update", "kind"} <= found.keys()
    return found if whole else None


@dataclass(frozen=True)
class LoadedModel:
    """A trained model and what is to be known of it."""

    model: Transformer
    """On the CPU, in evaluation mode."""
    source_tokenizer: Path
    target_tokenizer: Path
    """The same path if the vocabulary is joint."""
    name: str
    source_language: str
    target_language: str
    max_source_tokens: int
    max_target_tokens: int
    defaults: DecodeDefaults
    """Of decoding, where a request does not say."""
    provenance: dict[str, str | int | float]
    validation_source: list[str]
    """Real sentences; empty if the corpus is not at hand."""
    validation_reference: list[str]
    validation_name: str = "the validation text"
    source_prefix: tuple[int, ...] = ()
    """Ids that stand before every source, such as the target language's."""
    target_prefix: tuple[int, ...] = ()
    """Ids that every target begins with."""

    def read_tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """The source's and the target's."""
        return (
            Tokenizer(self.source_tokenizer, self.source_prefix),
            Tokenizer(self.target_tokenizer),
        )


def load_model(path: Path, folder: Path | None = None) -> LoadedModel:
    """The final model of the run at `path`, or its average so far.

    `folder` says where the corpus is now, if it moved. Raises ConfigError and
    TrainingError.
    """
    run = RunFolder(path)
    recipe = run.read_recipe()
    weights, note = run.result()
    source, target = run.tokenizers(recipe.tokenizer.kind)
    model = build_model(recipe, Tokenizer(source), Tokenizer(target))
    load_weights(model, weights)
    try:
        moved = {} if folder is None else {"folder": folder}
        pairs = validation_pairs(recipe.data.model_copy(update=moved))
    except CorpusError:
        pairs = []
    return LoadedModel(
        model=model.eval(),
        source_tokenizer=source,
        target_tokenizer=target,
        name=recipe.name,
        source_language=recipe.data.source_language,
        target_language=recipe.data.target_language,
        max_source_tokens=recipe.model.max_positions,
        max_target_tokens=recipe.model.max_positions,
        defaults=recipe.decode.defaults,
        provenance=_provenance(run, recipe, note),
        validation_source=[source for source, _ in pairs],
        validation_reference=[target for _, target in pairs],
    )


def _provenance(
    run: RunFolder, recipe: Recipe, note: FinalNote
) -> dict[str, str | int | float]:
    newest = note.progress or run.progress()
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "updates": newest.update,
        "target_tokens_seen": newest.num_target_tokens,
        "training_seconds": round(newest.seconds),
        "average": f"{note.average} of {note.updates}",
        "torch": torch.__version__,
    }
