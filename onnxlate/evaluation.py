"""How good translations are: BLEU and chrF by sacrebleu, with their signatures.

sacrebleu is imported when something is scored; it comes with the extra `evaluate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigError
from .parallel_text import read_parallel


@dataclass(frozen=True, slots=True)
class Scores:
    bleu: float
    bleu_signature: str
    """What must be equal for two BLEU figures to be comparable."""
    chrf: float
    chrf_signature: str


@dataclass(frozen=True, slots=True)
class TestSet:
    """Sentences and how a person translated them, line by line."""

    __test__ = False  # pytest collects what is called Test…

    sources: list[str]
    references: list[str]


def read_test_set(source: Path, reference: Path) -> TestSet:
    """Both files, plain or .gz; raises CorpusError if they are no pair."""
    return TestSet(*read_parallel(source, reference))


def score(
    hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False
) -> Scores:
    """Corpus scores, one reference each; case counts unless `lowercase`.

    BLEU: Papineni et al. 2002 as Post 2018 (sacrebleu) computes it, tokenizer 13a.
    chrF: Popović 2015, chrF2 with character 6-grams.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ModuleNotFoundError as cause:
        raise ConfigError(
            "scores need sacrebleu, which is not installed; "
            "pip install 'onnxlate[evaluate]'"
        ) from cause
    bleu, chrf = BLEU(lowercase=lowercase), CHRF(lowercase=lowercase)
    bleu_score = bleu.corpus_score(list(hypotheses), [list(references)])
    chrf_score = chrf.corpus_score(list(hypotheses), [list(references)])
    return Scores(
        bleu=float(bleu_score.score),
        bleu_signature=str(bleu.get_signature()),
        chrf=float(chrf_score.score),
        chrf_signature=str(chrf.get_signature()),
    )
