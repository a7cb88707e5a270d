"""BLEU and chrF of one system on one test set."""

from collections.abc import Sequence
from dataclasses import dataclass

from .metrics import MetricName, metric


@dataclass(frozen=True, slots=True)
class Scores:
    bleu: float
    bleu_signature: str
    """What must be equal for two BLEU figures to be comparable."""
    chrf: float
    chrf_signature: str


def score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    lowercase: bool = False,
    target_language: str | None = None,
) -> Scores:
    """Corpus scores, one reference each; case counts unless `lowercase`.

    `target_language`, BCP 47, says where words end. Raises ConfigError if sacrebleu is
    not installed.
    """
    bleu = metric(MetricName.BLEU, lowercase, target_language)
    chrf = metric(MetricName.CHRF, lowercase)
    return Scores(
        bleu=bleu.corpus_score(hypotheses, references),
        bleu_signature=bleu.signature(),
        chrf=chrf.corpus_score(hypotheses, references),
        chrf_signature=chrf.signature(),
    )
