"""Several systems side by side: figures that can be checked by hand or by others."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from onnxlate.errors import ConfigError, CorpusError
from onnxlate.evaluation import TestSet, score
from onnxlate.evaluation.comparison import compare
from onnxlate.evaluation.lengths import Bucket, buckets, even_edges, words
from onnxlate.evaluation.metrics import MetricName, metric
from onnxlate.evaluation.records import records
from onnxlate.evaluation.report import Report, SystemOutput
from onnxlate.evaluation.significance import Test, estimate
from onnxlate.evaluation.test_set import read_hypotheses, read_test_sets

REFERENCES = [f"the {noun} number {n} is here" for n in range(20) for noun in "ab"]


def spoilt(every: int) -> list[str]:
    """The references with a wrong word in each so-and-so-many-th."""
    return [
        line.replace("here", "there") if index % every == 0 else line
        for index, line in enumerate(REFERENCES)
    ]


def compared(
    *systems: SystemOutput, sources: list[str], references: list[str]
) -> Report:
    test_set = TestSet(sources, references, "test")
    metrics = [metric(MetricName.BLEU), metric(MetricName.CHRF)]
    return compare([(test_set, systems)], metrics, edges=[2, 4], num_samples=20)


def test_significance_is_what_sacrebleu_itself_says(tmp_path: Path) -> None:
    # By BLEU only: sacrebleu 2.6 cannot print a comparison by chrF as JSON.
    systems = {"one": spoilt(3), "other": spoilt(4)}
    for file, lines in {"reference": REFERENCES, **systems}.items():
        (tmp_path / file).write_text("".join(f"{line}\n" for line in lines))
    command = [sys.executable, "-m", "sacrebleu", "reference", "-i", *systems]
    done = subprocess.run(
        [*command, "-m", "bleu", "--paired-bs", "-f", "json", "-w", "6"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    theirs = json.loads(done.stdout)

    found = estimate(metric(MetricName.BLEU), systems, REFERENCES)

    for system, expected in zip(("one", "other"), theirs, strict=True):
        ours = found.systems[system]
        assert ours.score == pytest.approx(expected["BLEU"]["score"], abs=1e-5)
        assert ours.ci95 == pytest.approx(expected["BLEU"]["ci"], abs=1e-3)
    assert found.systems["one"].p_value is None
    assert found.systems["other"].p_value == pytest.approx(
        theirs[1]["BLEU"]["p_value"], abs=1e-6
    )
    assert "bs:1000" in found.signature


@pytest.mark.parametrize("test", Test)
def test_a_system_and_itself_do_not_differ_and_better_is_told_from_worse(
    test: Test,
) -> None:
    bleu = metric(MetricName.BLEU)
    systems = {"one": spoilt(2), "same": spoilt(2), "perfect": REFERENCES}

    estimates = estimate(bleu, systems, REFERENCES, test, 200).systems

    assert estimates["same"].p_value == 1
    assert estimates["same"].score == estimates["one"].score
    assert estimates["perfect"].score == pytest.approx(100)
    assert estimates["perfect"].ci95 == pytest.approx(0)
    assert (estimates["perfect"].p_value or 1) < 0.05


def test_a_seed_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "lucky")

    with pytest.raises(ConfigError, match="SACREBLEU_SEED must be a number"):
        estimate(metric(MetricName.BLEU), {"a": ["b"]}, ["b"])


def test_randomization_looks_at_both_sides() -> None:
    """Of 12 sentences one system is right in a, the other in b, never in both.

    Swapping is tossing 12 coins: p is how often they fall as unevenly as that.
    """
    wrong, right = ["xxxx"] * 12, ["abcd"] * 12
    one = right[:3] + wrong[3:]
    other = wrong[:3] + right[3:]
    uneven = 2 * sum(math.comb(12, heads) for heads in range(3)) / 2**12

    found = estimate(
        metric(MetricName.CHRF),
        {"one": one, "other": other},
        right,
        Test.RANDOMIZATION,
    )

    # sacrebleu counts what is larger than the difference, not what is as large.
    assert found.systems["other"].p_value == pytest.approx(uneven, abs=0.01)
    assert "ar:10000" in found.signature


@pytest.mark.parametrize(
    ("language", "reference", "tokenizer"),
    [
        ("zh-CN", "我不太相信将来的一天世界上大多数人都会讲世界语。", "zh"),
        ("zh_CN", "我不太相信将来的一天世界上大多数人都会讲世界语。", "zh"),
        ("zho", "我不太相信将来的一天世界上大多数人都会讲世界语。", "zh"),
        ("ja", "私は猫が好きですが、犬はあまり好きではありません。", "char"),
    ],
)
def test_bleu_counts_characters_where_no_spaces_are_written(
    language: str, reference: str, tokenizer: str
) -> None:
    one_wrong = f"{reference[:-2]}x{reference[-1]}"
    bleu = metric(MetricName.BLEU, target_language=language)

    assert 80 < bleu.corpus_score([one_wrong], [reference]) < 100
    assert f"|tok:{tokenizer}|" in bleu.signature()
    found = score([one_wrong], [reference], target_language=language)
    assert found.bleu_signature == bleu.signature()


def test_moses_bleu_lowers_normalises_and_tokenises_as_multi30k_does() -> None:
    moses = metric(MetricName.MOSES_BLEU, target_language="de-AT")
    cased = metric(MetricName.BLEU)
    references = ["„Ein Hund“, z.B. ein kleiner, läuft."]
    same_words = ['"ein HUND", z.b. ein kleiner, läuft .']

    assert moses.corpus_score(same_words, references) == pytest.approx(100)
    assert cased.corpus_score(same_words, references) < 50
    signature = moses.signature()
    assert "|case:lc|" in signature
    assert "|tok:sacremoses-" in signature
    assert "-de|smooth:none|" in signature


def test_moses_bleu_is_not_smoothed() -> None:
    moses = metric(MetricName.MOSES_BLEU, target_language="de")
    # Three of four words in order: no match of four, which the script scores 0.
    hypotheses, references = ["ein hund läuft schnell"], ["ein hund läuft weg"]

    assert moses.corpus_score(hypotheses, references) == 0
    assert metric(MetricName.BLEU).corpus_score(hypotheses, references) > 0


def test_moses_bleu_must_know_the_language() -> None:
    with pytest.raises(ConfigError, match="--target-language"):
        metric(MetricName.MOSES_BLEU)


def test_words_are_counted_with_spaces_and_without() -> None:
    assert words("  A dog's  life. ") == ["A", "dog's", "life."]
    assert words("我有2本书") == ["我", "有", "2", "本", "书"]
    assert words("") == []


def test_every_length_is_in_one_bucket() -> None:
    found = buckets([3, 4, 9])

    assert [str(each) for each in found] == ["≤3", "4", "5–9", "10+"]
    for length in range(30):
        assert sum(length in each for each in found) == 1
    assert buckets([]) == [Bucket(0, None)]


def test_even_edges_put_about_as_many_sentences_into_each_bucket() -> None:
    sources = ["w " * length for length in range(1, 101)]

    sizes = [
        sum(len(words(source)) in each for source in sources)
        for each in buckets(even_edges(sources))
    ]

    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 1
    assert even_edges(["same length"] * 50) == []
    assert even_edges([]) == []


def test_buckets_are_scored_apart_and_empty_ones_not_at_all() -> None:
    report = compared(
        SystemOutput("good at short", ["a b", "no no no no"]),
        sources=["one two", "one two three four"],
        references=["a b", "a b c d"],
    )

    [short, long, longer] = report.test_sets[0].by_length
    assert (short.num_sentences, long.num_sentences, longer.num_sentences) == (1, 1, 0)
    assert short.scores[MetricName.CHRF] == {"good at short": pytest.approx(100)}
    assert long.scores[MetricName.CHRF]["good at short"] < 10
    assert longer.scores[MetricName.CHRF] == {}


def test_worst_sentences_are_the_worst_and_the_farthest_apart_differ() -> None:
    references = ["the first line", "the second line", "the third line"]
    report = compared(
        SystemOutput("a", ["the first line", "the zecond line", "xxxxx"]),
        SystemOutput("b", ["the first line", "vvvvv", "xxxxx"]),
        sources=references,
        references=references,
    ).test_sets[0]

    assert [each.line for each in report.worst(2)] == [3, 2]
    assert [each.line for each in report.worst(9, "a")] == [3, 2, 1]
    assert [each.line for each in report.farthest_apart(9)] == [2]
    assert report.sentences[0].hypotheses["b"].chrf == pytest.approx(100)


def test_records_say_the_same_as_the_report_and_are_json() -> None:
    references = ["the first line", "the second line"]
    report = compared(
        SystemOutput("a", references),
        SystemOutput("b", ["the first line", ""]),
        sources=references,
        references=references,
    )

    first, second = json.loads(json.dumps(records(report, num_worst=1)))

    assert (first["system"], first["baseline"], first["bleu_p_value"]) == (
        *("a", "a"),
        None,
    )
    assert second["chrf"] < first["chrf"] == pytest.approx(100)
    assert second["sentences"] == sum(each["sentences"] for each in second["by_length"])
    assert second["by_length"][0] == {
        **{"low": 0, "high": 2, "sentences": 0},
        **{"bleu": None, "chrf": None},
    }
    assert second["worst"] == [
        {
            "line": 2,
            "source": "the second line",
            "reference": "the second line",
            "hypothesis": "",
            "chrf": 0.0,
        }
    ]


def test_test_sets_are_called_what_their_files_have_in_common(tmp_path: Path) -> None:
    names = ["news.en", "news.de", "en.txt", "fr.txt"]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("a\n")
    files = [tmp_path / folder / name for folder in ("x", "y") for name in names]

    found = read_test_sets(files[::2], files[1::2])

    assert [each.name for each in found] == [
        *("news", "en.txt"),
        *("news (2)", "en.txt (2)"),
    ]


def test_hypotheses_must_be_as_many_as_sentences(tmp_path: Path) -> None:
    file = tmp_path / "said"
    file.write_text("one\n\n")
    test_set = TestSet(["a"] * 3, ["b"] * 3, "news")

    with pytest.raises(CorpusError, match="said has 2 lines and news 3 sentences"):
        read_hypotheses(file, test_set)
