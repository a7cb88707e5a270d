"""From what systems said to a report."""

from collections.abc import Mapping, Sequence

from .lengths import Bucket, buckets, even_edges, words
from .metrics import Metric, MetricName, metric
from .report import (
    BucketScores,
    Hypothesis,
    Report,
    Sentence,
    SystemOutput,
    TestSetReport,
)
from .significance import Test, estimate
from .test_set import TestSet


def compare(
    outputs: Sequence[tuple[TestSet, Sequence[SystemOutput]]],
    metrics: Sequence[Metric],
    lowercase: bool = False,
    test: Test = Test.BOOTSTRAP,
    num_samples: int | None = None,
    edges: Sequence[int] | None = None,
) -> Report:
    """Scores the systems' outputs, the same systems in the same order for every test
    set, the baseline first; at least one of each.

    `edges` are the longest sources of the buckets, in words; without them each bucket
    has about as many sentences. Raises ConfigError as `metric` does.
    """
    if edges is None:
        edges = even_edges([text for each, _ in outputs for text in each.sources])
    chrf = metric(MetricName.CHRF, lowercase)
    reports = [
        TestSetReport(
            test_set=test_set,
            outputs=list(theirs),
            estimates={
                each.name: estimate(
                    each, _hypotheses(theirs), test_set.references, test, num_samples
                )
                for each in metrics
            },
            by_length=[
                _bucket_scores(bucket, test_set, theirs, metrics)
                for bucket in buckets(edges)
            ],
            sentences=_sentences(test_set, theirs, chrf),
        )
        for test_set, theirs in outputs
    ]
    return Report(
        test_sets=reports,
        systems=[each.system for each in reports[0].outputs],
        signatures={each.name: each.signature() for each in metrics},
        test=test,
        lowercase=lowercase,
    )


def _hypotheses(outputs: Sequence[SystemOutput]) -> Mapping[str, Sequence[str]]:
    return {each.system: each.hypotheses for each in outputs}


def _bucket_scores(
    bucket: Bucket,
    test_set: TestSet,
    outputs: Sequence[SystemOutput],
    metrics: Sequence[Metric],
) -> BucketScores:
    inside = [
        index
        for index, source in enumerate(test_set.sources)
        if len(words(source)) in bucket
    ]
    references = [test_set.references[index] for index in inside]
    scores = {
        each.name: {
            output.system: each.corpus_score(
                [output.hypotheses[index] for index in inside], references
            )
            for output in outputs
            if inside
        }
        for each in metrics
    }
    return BucketScores(bucket, len(inside), scores)


def _sentences(
    test_set: TestSet, outputs: Sequence[SystemOutput], chrf: Metric
) -> list[Sentence]:
    pairs = zip(test_set.sources, test_set.references, strict=True)
    return [
        Sentence(
            line=index + 1,
            source=source,
            reference=reference,
            hypotheses={
                output.system: Hypothesis(
                    output.hypotheses[index],
                    chrf.sentence_score(output.hypotheses[index], reference),
                )
                for output in outputs
            },
        )
        for index, (source, reference) in enumerate(pairs)
    ]
