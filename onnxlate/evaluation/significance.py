"""Whether a difference between two systems could be chance, as sacrebleu tests it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from onnxlate.errors import ConfigError

from .metrics import Metric


class Test(StrEnum):
    """How; sacrebleu's PairedTest does both, with a seed."""

    __test__ = False  # pytest collects what is called Test…

    BOOTSTRAP = "bootstrap"
    """Paired bootstrap resampling (Koehn 2004): test sets drawn from the sentences
    with replacement, the same for every system. As Moses' script and sacrebleu compute
    p, it looks at one side: about half of what a two-sided test says."""

    RANDOMIZATION = "randomization"
    """Paired approximate randomization (Riezler and Maxwell 2005): sentences swapped
    between the two systems at random. Two-sided, and slower."""


_SACREBLEU = {Test.BOOTSTRAP: "bs", Test.RANDOMIZATION: "ar"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """One system's score by one metric on one test set."""

    score: float
    mean: float
    """Over 1,000 test sets drawn from the sentences with replacement."""
    ci95: float
    """Half the width of the interval that 95 % of those scores lie in."""
    p_value: float | None
    """Of the difference to the baseline; None for the baseline."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """All systems' by one metric on one test set."""

    signature: str
    """The metric's, with the test (bs or ar), its size and its seed."""
    systems: dict[str, Estimate]


def estimate(
    metric: Metric,
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    test: Test = Test.BOOTSTRAP,
    num_samples: int | None = None,
) -> Estimates:
    """Each system's score from its hypotheses; the first system is the baseline.

    `num_samples` are the test sets drawn (1,000 if None) or the trials (10,000). The
    seed is sacrebleu's, SACREBLEU_SEED in the environment or 12345. Raises
    ConfigError if that is no number.
    """
    from sacrebleu.significance import PairedTest

    try:
        paired = PairedTest(
            [(name, list(hypotheses)) for name, hypotheses in systems.items()],
            {metric.name.value: metric.sacrebleu},
            [list(references)],
            test_type=_SACREBLEU[test],
            n_samples=num_samples or 0,
            n_ar_confidence=0 if test is Test.RANDOMIZATION else -1,
        )
    except ValueError as cause:
        raise ConfigError(f"SACREBLEU_SEED must be a number: {cause}") from cause
    signatures, columns = paired()
    [(label, signature)] = signatures.items()  # one metric, by sacrebleu's name for it
    results: list[Any] = columns[label]  # the column "System" has names instead
    baseline = float(results[0].score)
    estimates = {
        system: Estimate(
            score=float(result.score),
            mean=float(result.mean),
            ci95=float(result.ci),
            p_value=_p_value(result, baseline),
        )
        for system, result in zip(systems, results, strict=True)
    }
    return Estimates(str(signature), estimates)


def _p_value(result: Any, baseline: float) -> float | None:
    if result.p_value is None:
        return None
    # sacrebleu counts what is larger, not what is as large: for two systems that say
    # the same it has the lowest p there is. Any chance makes a difference of nothing.
    return 1.0 if result.score == baseline else float(result.p_value)
