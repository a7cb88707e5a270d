"""`onnxlate evaluate`: how well systems translate test sets, side by side."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from onnxlate.credentials import Credentials
from onnxlate.errors import ConfigError
from onnxlate.evaluation.comparison import compare
from onnxlate.evaluation.metrics import MetricName, metric
from onnxlate.evaluation.records import records
from onnxlate.evaluation.report import SystemOutput
from onnxlate.evaluation.significance import Test
from onnxlate.evaluation.test_set import TestSet, read_test_sets

from . import evaluate_options as own
from . import options as shared
from .credentials import with_credentials
from .evaluation_text import show
from .files import output_file, output_folder, require_different, require_plain
from .systems import from_files, translate, translating


@with_credentials
def evaluate(
    bundles: own.Bundles = None,
    source: own.Sources = None,
    reference: own.References = None,
    server: own.Servers = None,
    bundle: own.MoreBundles = None,
    hypotheses: own.Hypotheses = None,
    model: own.Models = None,
    beam_size: shared.BeamSize = None,
    names: own.Metrics = None,
    lowercase: own.Lowercase = False,
    target_language: own.TargetLanguage = None,
    baseline: own.Baseline = None,
    significance: own.Significance = Test.BOOTSTRAP,
    resamples: own.Resamples = None,
    lengths: own.Lengths = None,
    worst: own.Worst = 10,
    as_json: own.AsJson = False,
    json_file: own.JsonFile = None,
    html: own.Html = None,
    output: own.Output = None,
    timeout_s: shared.TimeoutS = 300.0,
    *,
    credentials: Credentials,
) -> None:
    """Translate test sets and score them, one system or several side by side.

    Scores with their confidence intervals and signatures, significance of
    differences, scores by length of the source, and the worst sentences.
    A source that is too long is cut, and counted.
    """
    test_sets = _test_sets(source or [], reference or [])
    models = translating(
        [*(bundles or []), *(bundle or [])], server or [], model or [], credentials
    )
    files = from_files(hypotheses or [], len(test_sets))
    named = [each.name for each in models] + [each.name for each in files]
    systems = _ordered(named, baseline)
    edges = _edges(lengths)
    # What is missing or wrong is better found before translating than after.
    read = [("--source", each) for each in source or []]
    read += [("--reference", each) for each in reference or []]
    read += [("--hypotheses", path) for each in files for path in each.files]
    keep = _Keep(output, [each.name for each in models], test_sets)
    written: list[tuple[str, Path | None]] = [
        ("--output", path) for path in keep.paths.values()
    ]
    written += [("--html", html), ("--json-file", json_file)]
    require_different(written, read)
    for _, path in written:
        if path:
            require_plain(path)
    keep.prepare()
    metric(MetricName.CHRF)
    if html:
        from onnxlate.evaluation.page import page
    outputs = {each.name: each.outputs(test_sets) for each in files}
    languages = [each.target_language(timeout_s) for each in models]
    target_language = target_language or next(iter(languages), None)
    metrics = [
        metric(name, lowercase, target_language)
        for name in dict.fromkeys(names or [MetricName.BLEU, MetricName.CHRF])
    ]
    with ExitStack() as stack:
        json_out = json_file and stack.enter_context(output_file(json_file))
        html_out = html and stack.enter_context(output_file(html))
        for each in models:
            outputs[each.name] = translate(each, test_sets, beam_size, timeout_s)
            keep(outputs[each.name])
        report = compare(
            _by_test_set(test_sets, systems, outputs),
            metrics,
            lowercase,
            significance,
            resamples,
            edges,
        )
        lines = "".join(json.dumps(each) + "\n" for each in records(report, worst))
        if json_out:
            json_out.write(lines.encode())
        if html_out:
            html_out.write(page(report, worst).encode())
    if as_json:
        print(lines, end="")
    else:
        show(report, worst)


class _Keep:
    """Writes translations as soon as they are there; making them takes long."""

    def __init__(
        self, output: Path | None, names: Sequence[str], test_sets: Sequence[TestSet]
    ) -> None:
        """Of so many systems; a folder takes several files."""
        self._output, self._test_sets = output, test_sets
        self.paths: dict[tuple[str, str], Path] = {}
        """By test set and system."""
        if output is None:
            return
        if not names:
            raise ConfigError(
                f"--output {output} keeps what is translated here, and there are only "
                "--hypotheses; leave it out, or give a BUNDLE or --server HOST:PORT"
            )
        self._several = len(names) * len(test_sets) > 1 or output.is_dir()
        for name, test_set in product(names, test_sets):
            file = f"{test_set.name}.{name}".replace("/", "_")
            path = output / file if self._several else output
            self.paths[test_set.name, name] = path

    def prepare(self) -> None:
        """Raises ConfigError where they cannot be written."""
        if self._output is None:
            return
        if self._several:
            output_folder(self._output)
        elif not self._output.parent.is_dir():
            raise ConfigError(
                f"cannot write {self._output}: there is no {self._output.parent}"
            )

    def __call__(self, outputs: Sequence[SystemOutput]) -> None:
        """What a system said, by test set."""
        if self._output is None:
            return
        for each, test_set in zip(outputs, self._test_sets, strict=True):
            with output_file(self.paths[test_set.name, each.system]) as file:
                file.write("".join(line + "\n" for line in each.hypotheses).encode())


def _test_sets(sources: list[Path], references: list[Path]) -> list[TestSet]:
    if not sources or len(sources) != len(references):
        raise ConfigError(
            f"there are {len(sources)} --source and {len(references)} --reference; "
            "give both once for each test set"
        )
    return read_test_sets(sources, references)


def _ordered(names: list[str], baseline: str | None) -> list[str]:
    """The names with the baseline first."""
    if not names:
        raise ConfigError(
            "there is nothing to evaluate; give a BUNDLE, --server HOST:PORT or "
            "--hypotheses FILE"
        )
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{names.count(name)} systems are called {name}; "
                "tell them apart with NAME=, as in NAME=BUNDLE"
            )
    if baseline is None:
        return names
    if baseline not in names:
        raise ConfigError(
            f"--baseline {baseline} is none of the systems; those are "
            + ", ".join(names)
        )
    return [baseline, *(name for name in names if name != baseline)]


def _edges(lengths: str | None) -> list[int] | None:
    if lengths is None:
        return None
    try:
        edges = [int(each) for each in lengths.split(",")]
    except ValueError:
        edges = []
    if not edges or edges[0] < 1 or sorted(set(edges)) != edges:
        raise ConfigError(
            f"--lengths {lengths} must be ascending numbers of words, as 10,20,30"
        )
    return edges


def _by_test_set(
    test_sets: Sequence[TestSet],
    systems: Sequence[str],
    outputs: Mapping[str, Sequence[SystemOutput]],
) -> list[tuple[TestSet, list[SystemOutput]]]:
    return [
        (test_set, [outputs[system][index] for system in systems])
        for index, test_set in enumerate(test_sets)
    ]
