"""The metrics, as sacrebleu computes them, each with a signature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from onnxlate.errors import ConfigError


class MetricName(StrEnum):
    BLEU = "bleu"
    """Papineni et al. 2002 as Post 2018 (sacrebleu) computes it, tokenizer 13a; of
    languages that are written without spaces another one."""
    CHRF = "chrf"
    """Popović 2015, chrF2 with character 6-grams."""
    MOSES_BLEU = "moses-bleu"
    """What the Multi30k papers report: multi-bleu.perl on text that Moses' scripts
    lower-cased, normalised and tokenised, in this order."""

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    MetricName.BLEU: "BLEU",
    MetricName.CHRF: "chrF2",
    MetricName.MOSES_BLEU: "BLEU, Moses, lc",
}


_UNSPACED = {
    **dict.fromkeys(("zh", "zho", "chi", "cmn", "yue"), "zh"),
    **dict.fromkeys(("ja", "jpn", "th", "tha", "lo", "lao"), "char"),
    **dict.fromkeys(("km", "khm", "my", "mya"), "char"),
}
"""What sacrebleu splits them with: to 13a a clause is one word, and one wrong
character makes all of it wrong. Its tokenizer of Japanese needs a dictionary that is
not installed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, set up, for one reference a sentence."""

    name: MetricName
    sacrebleu: Any
    """A sacrebleu.metrics.base.Metric."""

    def corpus_score(
        self, hypotheses: Sequence[str], references: Sequence[str]
    ) -> float:
        """0 to 100, of all sentences together."""
        found = self.sacrebleu.corpus_score(list(hypotheses), [list(references)])
        return float(found.score)

    def sentence_score(self, hypothesis: str, reference: str) -> float:
        return float(self.sacrebleu.sentence_score(hypothesis, [reference]).score)

    def signature(self) -> str:
        """What must be equal for two figures to be comparable; after scoring."""
        return str(self.sacrebleu.get_signature())


def metric(
    name: MetricName, lowercase: bool = False, target_language: str | None = None
) -> Metric:
    """Case counts unless `lowercase`, or the metric itself lowers it.

    `target_language` is BCP 47 and says what words are; where nothing says it, BLEU's
    end at spaces. Raises ConfigError where Moses' rules need it and it is absent, or
    a library is missing.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF

        if name is MetricName.CHRF:
            return Metric(name, CHRF(lowercase=lowercase))
        if name is MetricName.BLEU:
            tokenizer = _UNSPACED.get(_primary(target_language or ""), "13a")
            return Metric(name, BLEU(lowercase=lowercase, tokenize=tokenizer))
        if target_language is None:
            raise ConfigError(
                f"{name} tokenises as the language does, which nothing tells here; "
                "give --target-language, as de"
            )
        # As multi-bleu.perl has it: no smoothing. sacrebleu lowers the case, then
        # calls the tokenizer; it knows none of Moses', so it gets this one.
        bleu = BLEU(lowercase=True, tokenize="none", smooth_method="none")
        bleu.tokenizer, bleu.tokenizer_signature = _moses(target_language)
        return Metric(name, bleu)
    except ModuleNotFoundError as cause:
        raise ConfigError(
            f"scores need {cause.name}, which is not installed; "
            "pip install 'onnxlate[evaluate]'"
        ) from cause


def _moses(language: str) -> tuple[Callable[[str], str], str]:
    """normalize-punctuation.perl and tokenizer.perl, and the name for the signature.

    The order is that of Multi30k's scripts/task1-tokenize.sh. A language Moses has no
    list of abbreviations for takes the English one, as with the scripts themselves.
    """
    import sacremoses

    language = _primary(language)
    normalizer = sacremoses.MosesPunctNormalizer(language, perl_parity=True)
    tokenizer = sacremoses.MosesTokenizer(language)

    @cache  # the references come again with every system and every bucket
    def tokenized(text: str) -> str:
        text = normalizer.normalize(text)
        # Escaping renames tokens on both sides alike and changes no count.
        return str(tokenizer.tokenize(text, return_str=True, escape=False))

    return tokenized, f"sacremoses-{sacremoses.__version__}-{language}"


def _primary(language: str) -> str:
    """de of de-AT, and of de_AT, which is no BCP 47 but is meant so."""
    return language.replace("_", "-").split("-")[0].lower()
