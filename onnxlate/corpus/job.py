"""What is to be translated by which model, written down once for all who help."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from onnxlate.documents import translated_name
from onnxlate.errors import ConfigError, CorpusError
from onnxlate.messages import CallOptions, ServedModel

from .plan import Source, planned

FILE = "job.json"

LINES_PER_SHARD = 1000


class Job(BaseModel):
    """Everything that the output depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    model: str
    """NAME@VERSION"""
    digest: str
    """Of the very bundle."""
    options: dict[str, Any]
    """How to translate; what is not said here the server says."""
    lines_per_shard: PositiveInt
    sources: tuple[Source, ...]
    outputs: tuple[str, ...]
    """What each source's translation is called."""

    @property
    def num_shards(self) -> int:
        return sum(len(source.shards) for source in self.sources)


def begun_or_joined(
    folder: Path,
    paths: Sequence[Path],
    model: ServedModel,
    options: CallOptions,
    lines_per_shard: int | None,
) -> Job:
    """The folder's job, which is made if it has none.

    Raises ConfigError if it has another one, and CorpusError for sources that cannot be
    read or have changed.
    """
    said = plain(options)
    found = _read(folder / FILE)
    if found is None:
        # Somebody else may do the same at this moment; whoever is first says it.
        _write(
            folder, _new(folder, paths, model, said, lines_per_shard or LINES_PER_SHARD)
        )
        found = _read(folder / FILE)
        assert found
    _check(folder, found, model, said, lines_per_shard)
    _check_sources(folder, found, paths)
    return found


def plain(options: CallOptions) -> dict[str, Any]:
    """What is said in them, as JSON has it; time limits change no answer."""
    said = {
        name: value
        for name, value in options.items()
        if value is not None and name not in ("model", "timeout_s")
    }
    plain: dict[str, Any] = json.loads(json.dumps(said, default=_fields))
    return plain


def _fields(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def _new(
    folder: Path,
    paths: Sequence[Path],
    model: ServedModel,
    options: dict[str, Any],
    lines_per_shard: int,
) -> Job:
    for path in paths:
        if os.fsencode(path.name).decode("utf-8", "replace") != path.name:
            raise ConfigError(f"{path.name!a} is no name in UTF-8; give it another")
    outputs = tuple(output_name(path.name, model) for path in paths)
    for name in outputs:
        if outputs.count(name) > 1:
            raise ConfigError(f"two sources would both become {folder / name}")
        if (folder / name).exists():
            raise ConfigError(
                f"{folder / name} is there already, and not of a job; take another "
                "folder"
            )
    return Job(
        model=model.full_name,
        digest=model.digest,
        options=options,
        lines_per_shard=lines_per_shard,
        sources=tuple(planned(path, lines_per_shard) for path in paths),
        outputs=outputs,
    )


def output_name(name: str, model: ServedModel) -> str:
    """news.de.txt.gz for news.txt.gz, and news.de for news.en."""
    bare = name.removesuffix(".gz")
    packed = name[len(bare) :]
    if bare.endswith(f".{model.source_language}"):  # as corpora are named
        return f"{bare.removesuffix(model.source_language)}{model.target_language}" + (
            packed
        )
    return translated_name(bare, model) + packed


def _write(folder: Path, job: Job) -> None:
    # Processes in containers have few numbers, and may begin at the same moment.
    new = folder / f".{FILE}.{uuid4().hex}"
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(job.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, folder / FILE)  # unlike a renaming, it replaces nothing
        except FileExistsError:
            pass
        finally:
            new.unlink()
    except OSError as cause:
        raise ConfigError(f"cannot write {folder}: {cause.strerror}") from cause


def _read(path: Path) -> Job | None:
    try:
        return Job.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise ConfigError(f"cannot read {path}: {cause.strerror}") from cause
    except ValidationError as cause:
        raise ConfigError(f"{path} is no job that this version knows") from cause


def _check(
    folder: Path,
    job: Job,
    model: ServedModel,
    options: dict[str, Any],
    lines_per_shard: int | None,
) -> None:
    asked: dict[str, Any] = {
        "model": f"{model.full_name} {model.digest}",
        "options": options,
    }
    there: dict[str, Any] = {
        "model": f"{job.model} {job.digest}",
        "options": job.options,
    }
    if lines_per_shard:
        asked["shard-lines"] = lines_per_shard
        there["shard-lines"] = job.lines_per_shard
    for name, value in asked.items():
        if value != there[name]:
            raise ConfigError(
                f"{folder} has a job whose {name} is {there[name]}, and this is "
                f"{value}; take another folder"
            )


def _check_sources(folder: Path, job: Job, paths: Sequence[Path]) -> None:
    names = [path.name for path in paths]
    theirs = [source.name for source in job.sources]
    if names != theirs:
        raise ConfigError(
            f"{folder} has a job for {', '.join(theirs)}, and this is for "
            f"{', '.join(names)}; take another folder"
        )
    for source, path in zip(job.sources, paths, strict=True):
        try:
            size = path.stat().st_size
        except OSError as cause:
            raise CorpusError(f"cannot read {path}: {cause.strerror}") from cause
        if size != source.size:
            raise CorpusError(
                f"{path} had {source.size} bytes when the job began and has {size}; "
                "take another folder for another job"
            )
