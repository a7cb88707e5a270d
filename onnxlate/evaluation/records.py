"""A report as plain values, for JSON."""

from dataclasses import asdict
from typing import Any

from .metrics import MetricName
from .report import BucketScores, Report, Sentence, TestSetReport

Record = dict[str, Any]


def records(report: Report, num_worst: int) -> list[Record]:
    """One for each system on each test set."""
    return [
        {
            "test_set": each.test_set.name,
            "system": output.system,
            "baseline": report.baseline,
            **_scores(report, each, output.system),
            "lowercase": report.lowercase,
            "sentences": len(output.hypotheses),
            **(asdict(output.decoding) if output.decoding else {}),
            "by_length": [_bucket(one, output.system) for one in each.by_length],
            "worst": [
                _sentence(one, output.system)
                for one in each.worst(num_worst, output.system)
            ],
        }
        for each in report.test_sets
        for output in each.outputs
    ]


def _scores(report: Report, test_set: TestSetReport, system: str) -> Record:
    record: Record = {}
    for name, estimates in test_set.estimates.items():
        estimate = estimates.systems[system]
        record |= {
            _key(name): estimate.score,
            f"{_key(name)}_signature": report.signatures[name],
            f"{_key(name)}_mean": estimate.mean,
            f"{_key(name)}_ci95": estimate.ci95,
            f"{_key(name)}_p_value": estimate.p_value,
            f"{_key(name)}_test_signature": estimates.signature,
        }
    return record


def _bucket(scores: BucketScores, system: str) -> Record:
    return {
        "low": scores.bucket.low,
        "high": scores.bucket.high,
        "sentences": scores.num_sentences,
        **{_key(name): each.get(system) for name, each in scores.scores.items()},
    }


def _sentence(sentence: Sentence, system: str) -> Record:
    hypothesis = sentence.hypotheses[system]
    return {
        "line": sentence.line,
        "source": sentence.source,
        "reference": sentence.reference,
        "hypothesis": hypothesis.text,
        "chrf": hypothesis.chrf,
    }


def _key(name: MetricName) -> str:
    return name.replace("-", "_")
