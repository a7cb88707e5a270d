"""Several systems on several test sets: what the table, the JSON and the page say."""

from dataclasses import dataclass
from statistics import mean

from .lengths import Bucket
from .metrics import MetricName
from .significance import Estimates, Test
from .test_set import TestSet


@dataclass(frozen=True, slots=True)
class Decoding:
    """How one of our models came to its translations."""

    model: str
    digest: str
    beam_size: int | None
    """None where the server's default was used."""
    seconds: float
    truncated: int
    """Sources that were too long and cut."""
    unfinished: int
    """Translations that ended at their longest and not by themselves."""


@dataclass(frozen=True, slots=True)
class SystemOutput:
    """What a system made of a test set, a hypothesis for each source."""

    system: str
    hypotheses: list[str]
    decoding: Decoding | None = None
    """None where the hypotheses came from a file."""

    @property
    def sentences_per_s(self) -> float | None:
        """While translating, seen from the client."""
        if self.decoding is None:
            return None
        return len(self.hypotheses) / max(self.decoding.seconds, 1e-3)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    text: str
    chrf: float
    """Of this sentence, 0 to 100."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a test set, and what each system made of it."""

    line: int
    """Counted from 1."""
    source: str
    reference: str
    hypotheses: dict[str, Hypothesis]

    @property
    def chrf(self) -> float:
        """Mean over the systems."""
        return mean(each.chrf for each in self.hypotheses.values())

    @property
    def gap(self) -> float:
        """Between the best system and the worst."""
        scores = [each.chrf for each in self.hypotheses.values()]
        return max(scores) - min(scores)


@dataclass(frozen=True, slots=True)
class BucketScores:
    bucket: Bucket
    num_sentences: int
    scores: dict[MetricName, dict[str, float]]
    """By metric, then by system; without systems where there are no sentences."""


@dataclass(frozen=True, slots=True)
class TestSetReport:
    """All systems on one test set; the first is the baseline."""

    __test__ = False  # pytest collects what is called Test…

    test_set: TestSet
    outputs: list[SystemOutput]
    estimates: dict[MetricName, Estimates]
    by_length: list[BucketScores]
    sentences: list[Sentence]

    def worst(self, count: int, system: str | None = None) -> list[Sentence]:
        """Lowest sentence chrF first, of one system or of all on average."""

        def chrf(sentence: Sentence) -> float:
            return sentence.hypotheses[system].chrf if system else sentence.chrf

        return sorted(self.sentences, key=chrf)[:count]

    def farthest_apart(self, count: int) -> list[Sentence]:
        """Where the systems' sentence chrF differs most; without those it does not."""
        differing = [each for each in self.sentences if each.gap]
        return sorted(differing, key=lambda each: -each.gap)[:count]


@dataclass(frozen=True, slots=True)
class Report:
    test_sets: list[TestSetReport]
    systems: list[str]
    """The baseline first."""
    signatures: dict[MetricName, str]
    """What must be equal for two scores to be comparable."""
    test: Test
    lowercase: bool
    """Whether case was left out of account, where the metric leaves the choice."""

    @property
    def baseline(self) -> str:
        return self.systems[0]

    @property
    def metrics(self) -> list[MetricName]:
        return list(self.signatures)
