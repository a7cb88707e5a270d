"""Test sets, and what systems made of them, from files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from onnxlate.errors import CorpusError
from onnxlate.parallel_text import read_parallel, read_text


@dataclass(frozen=True, slots=True)
class TestSet:
    """Sentences and how a person translated them, line by line."""

    __test__ = False  # pytest collects what is called Test…

    sources: list[str]
    references: list[str]
    name: str = ""


def read_test_set(source: Path, reference: Path) -> TestSet:
    """Both files, plain or .gz; raises CorpusError if they are no pair."""
    return TestSet(*read_parallel(source, reference), name=_name(source, reference))


def read_test_sets(
    sources: Sequence[Path], references: Sequence[Path]
) -> list[TestSet]:
    """The n-th source with the n-th reference, and names that differ.

    Raises CorpusError if a pair is none.
    """
    pairs = zip(sources, references, strict=True)
    test_sets: dict[str, TestSet] = {}
    for test_set in (read_test_set(source, reference) for source, reference in pairs):
        name, count = test_set.name, 1
        while name in test_sets:
            count += 1
            name = f"{test_set.name} ({count})"
        test_sets[name] = replace(test_set, name=name)
    return list(test_sets.values())


def read_hypotheses(path: Path, test_set: TestSet) -> list[str]:
    """A system's translations of the test set, a line each, plain or .gz.

    Raises CorpusError if there are more or fewer than sentences.
    """
    hypotheses = read_text(path)
    if len(hypotheses) != len(test_set.sources):
        raise CorpusError(
            f"{path} has {len(hypotheses)} lines and {test_set.name} "
            f"{len(test_set.sources)} sentences; line n must translate sentence n"
        )
    return hypotheses


def _name(source: Path, reference: Path) -> str:
    """What both files' names begin with: newstest of newstest.en and newstest.de."""
    pairs = zip(printable(source.name), printable(reference.name), strict=False)
    common = "".join(
        one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)
    )
    return common.rstrip("._-") or printable(source.name)


def printable(name: str) -> str:
    """A file's name, or part of a command line, which need not be text, as text."""
    return os.fsencode(name).decode(errors="replace")
