"""The systems to evaluate: bundles, servers, and files of hypotheses."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onnxlate.bundle import Bundle
from onnxlate.client import Client
from onnxlate.credentials import PLAIN, Credentials
from onnxlate.errors import ConfigError
from onnxlate.evaluation.report import Decoding, SystemOutput
from onnxlate.evaluation.test_set import TestSet, printable, read_hypotheses
from onnxlate.finish import FinishReason
from onnxlate.messages import CallOptions, Translation
from onnxlate.parallel_text import one_line

from .pipeline import translated
from .progress import Counter
from .servers import asked


@dataclass(frozen=True, slots=True)
class Translating:
    """A model that translates the test sets: a bundle's, or one of a server's."""

    name: str
    server: str | None
    """HOST:PORT, or None for a bundle."""
    bundle: Path | None
    model: str | None = None
    """None for the default one."""
    credentials: Credentials = PLAIN

    @contextmanager
    def connected(self, timeout_s: float) -> Iterator[Client]:
        with (
            asked(self.server, self.bundle) as address,
            Client(
                address, timeout_s=timeout_s, credentials=self.credentials
            ) as client,
        ):
            yield client

    def target_language(self, timeout_s: float) -> str:
        """BCP 47, as the manifest or the server has it.

        Raises OnnxlateErrors if there is no such bundle or server.
        """
        if self.bundle is not None:
            return Bundle.open(self.bundle).manifest.target_language
        with self.connected(timeout_s) as client:
            return client.model(self.model or "").target_language


@dataclass(frozen=True, slots=True)
class FromFiles:
    """A system whose translations are there already, a file for each test set."""

    name: str
    files: list[Path]

    def outputs(self, test_sets: Sequence[TestSet]) -> list[SystemOutput]:
        """Raises CorpusError if a file has not a line for each sentence."""
        return [
            SystemOutput(self.name, read_hypotheses(file, test_set))
            for file, test_set in zip(self.files, test_sets, strict=True)
        ]


def translating(
    bundles: Sequence[str],
    servers: Sequence[str],
    models: Sequence[str],
    credentials: Credentials = PLAIN,
) -> list[Translating]:
    """What [NAME=]BUNDLE and [NAME=]HOST:PORT mean, servers with each of the models.

    A bundle is called like its directory, a server's model like the model. Raises
    ConfigError for models without a server.
    """
    if models and not servers:
        raise ConfigError(
            f"--model {models[0]} is one of a server's; give --server, too"
        )
    found: list[Translating] = []
    for each in bundles:
        name, path = _named(each)
        bundle = Path(path)
        found.append(
            Translating(name or printable(bundle.resolve().name), None, bundle)
        )
    asked_for: Sequence[str | None] = models or [None]
    for model in asked_for:
        for each in servers:
            name, address = _named(each)
            if name and model and len(models) > 1:
                name = f"{name} {model}"
            name = name or model or address
            found.append(Translating(name, address, None, model, credentials))
    return found


def from_files(hypotheses: Sequence[str], num_test_sets: int) -> list[FromFiles]:
    """What [NAME=]FILE means, given for each test set; without a name the file's.

    Raises ConfigError if a system has not a file for each test set.
    """
    files: dict[str, list[Path]] = {}
    for each in hypotheses:
        name, path = _named(each)
        files.setdefault(name or printable(Path(path).name), []).append(Path(path))
    for name, theirs in files.items():
        if len(theirs) != num_test_sets:
            raise ConfigError(
                f"{name} has {len(theirs)} files of hypotheses and there are "
                f"{num_test_sets} test sets; give --hypotheses {name}=FILE once for "
                "each, in their order"
            )
    return [FromFiles(name, theirs) for name, theirs in files.items()]


def translate(
    system: Translating,
    test_sets: Sequence[TestSet],
    beam_size: int | None,
    timeout_s: float,
) -> list[SystemOutput]:
    """Its output for each test set; sources that are too long are cut."""
    options = CallOptions(model=system.model, beam_size=beam_size, truncate_source=True)
    with system.connected(timeout_s) as client:
        digest = client.model(system.model or "").digest
        outputs = []
        for test_set in test_sets:
            start = time.monotonic()
            translations = _translations(client, system.name, test_set, options)
            seconds = time.monotonic() - start
            decoding = Decoding(
                model=translations[0].model,
                digest=digest,
                beam_size=beam_size,
                seconds=round(seconds, 3),
                truncated=sum(each.truncated for each in translations),
                unfinished=sum(
                    each.finish_reason is FinishReason.LENGTH for each in translations
                ),
            )
            lines = [one_line(each.text) for each in translations]
            outputs.append(SystemOutput(system.name, lines, decoding))
    return outputs


def _translations(
    client: Client, name: str, test_set: TestSet, options: CallOptions
) -> list[Translation]:
    total = sum(len(line.encode()) + 1 for line in test_set.sources)
    translations: list[Translation] = []
    with Counter(total, visible=True, label=f"{name}, {test_set.name}") as counter:
        for batch, answers in translated(client, iter([test_set.sources]), options):
            translations += answers
            counter.add(batch.lines)
    return translations


def _named(text: str) -> tuple[str | None, str]:
    """NAME=VALUE in two, unless it is the name of something that exists."""
    name, equals, value = text.partition("=")
    if not equals or Path(text).exists():
        return None, text
    if not name or not value:
        raise ConfigError(f"{text!r} is not NAME=VALUE; one side is empty")
    return printable(name), value
