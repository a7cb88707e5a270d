"""BPE-dropout: what is cut, how often, and that everybody cuts alike."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from onnxlate.placeholder import placeholder
from onnxlate.text import Tokenizer
from onnxlate_training.corpus import Example, Pair, tokenize
from onnxlate_training.cutting import CutAnew, Words, cut
from onnxlate_training.generated import pairs
from onnxlate_training.recipe import FilterConfig, TokenizerConfig
from onnxlate_training.subwords import train_subwords

ODD: list[Pair] = [
    (f"{placeholder(0)} is here", f"{placeholder(0)}'s ist hier"),
    ("a 猫 and é", "größer 🙂"),
    ("x", "y"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cutting") / "joint.spm"
    stream = pairs(seed=2)
    lines = (text for _ in range(300) for text in next(stream))
    train_subwords(lines, path, TokenizerConfig(vocabulary=450, placeholders=2), seed=1)
    return path


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> Tokenizer:
    return Tokenizer(path)


def examples(tokenizer: Tokenizer) -> list[Example]:
    stream = pairs(seed=3)
    text = [*ODD, *(next(stream) for _ in range(200))]
    found, _ = tokenize(text, tokenizer, tokenizer, FilterConfig())
    return found


def digest(path: Path) -> str:
    """Of two epochs."""
    tokenizer = Tokenizer(path)
    anew = CutAnew(examples(tokenizer), tokenizer, tokenizer, 0.2, 200, seed=7)
    sides = (
        side
        for epoch in (0, 1)
        for example in anew(epoch)
        for side in (example.source, example.target)
    )
    return hashlib.sha256(b"".join(side.tobytes() for side in sides)).hexdigest()


def test_with_no_merge_left_out_words_are_cut_as_sentencepiece_cuts_them(
    tokenizer: Tokenizer,
) -> None:
    rank = tokenizer.merge_ranks()
    known = [
        [tokenizer.piece(i) for i in word]
        for word in Words(
            [each.target for each in examples(tokenizer)], tokenizer
        ).different  # all but the end, bytes and placeholders are made of merges
        if not any(tokenizer.piece(i)[0] in "<⟦" for i in word)
    ]

    assert len(known) > 50
    for pieces in known:
        assert cut("".join(pieces), rank, lambda: False) == pieces


def test_every_merge_left_out_leaves_characters(tokenizer: Tokenizer) -> None:
    assert cut("▁three", tokenizer.merge_ranks(), lambda: True) == list("▁three")


def test_a_merge_left_out_does_not_come_back(tokenizer: Tokenizer) -> None:
    rank = {"ab": -1.0, "abc": -2.0, "bc": -3.0}
    answers = iter([True, False, True])

    # "ab" is left out, "bc" then merges, and "a" + "bc" is yet another merge.
    assert cut("abc", rank, lambda: next(answers)) == ["a", "bc"]


def test_the_text_stays_and_its_cuts_change(tokenizer: Tokenizer) -> None:
    usual = examples(tokenizer)
    anew = CutAnew(usual, tokenizer, tokenizer, 0.2, 200, seed=1)

    one, other = anew(0), anew(1)

    changed = zip(one, other, strict=True)
    assert any(a.source.tolist() != b.source.tolist() for a, b in changed)
    for a, b in zip(usual, one, strict=True):
        for before, after in ((a.source, b.source), (a.target, b.target)):
            assert tokenizer.decode(after.tolist()) == tokenizer.decode(before.tolist())
            assert after.dtype == before.dtype
            assert after[-1] == before[-1]


def test_merges_are_left_out_as_often_as_was_asked(tokenizer: Tokenizer) -> None:
    """Of words of one merge, so that what is left out is what is seen."""
    rank = tokenizer.merge_ranks()
    merged = [
        piece for piece in rank if len(piece) == 2 and tokenizer.encode(piece) != []
    ]
    words = [
        ids
        for piece in merged
        if piece.startswith("▁") and len(ids := tokenizer.encode(piece[1:])) == 2
    ]
    text = [Example(np.array(ids), np.array(ids)) for ids in words] * 40
    anew = CutAnew(text, tokenizer, tokenizer, 0.25, 200, seed=1)

    cuts = [len(each.source) > 2 for epoch in range(20) for each in anew(epoch)]

    assert len(words) > 5
    # Each word has only so many ways; five standard errors of their number.
    error = (0.25 * 0.75 / (len(words) * 16)) ** 0.5
    assert abs(np.mean(cuts) - 0.25) < 5 * error


def test_another_process_cuts_alike(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        f"spec = spec_from_file_location('cutting', {__file__!r})\n"
        "module = module_from_spec(spec); spec.loader.exec_module(module)\n"
        f"print(module.digest(Path({str(path)!r})))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]

    assert told == [digest(path)] * 2
