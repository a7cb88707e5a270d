"""BPE-dropout: what is cut, how often, and that everybody cuts alike."""

import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from onnxlate.placeholder import placeholder
from onnxlate.text import Tokenizer
from onnxlate_training.corpus import Example, Pair, tokenize
from onnxlate_training.cutting import MAX_WORDS, Words, cut
from onnxlate_training.generated import pairs
from onnxlate_training.recipe import FilterConfig, TokenizerConfig
from onnxlate_training.store import Store, write_examples
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
    with TemporaryDirectory() as folder:
        anew = cut_anew(Path(folder), examples(tokenizer), tokenizer, 0.2, seed=7)
        sides = (side for epoch in (0, 1) for side in anew.window(epoch, 0))
        content = b"".join(side.flat().tobytes() for side in sides)
    return hashlib.sha256(content).hexdigest()


def cut_anew(
    folder: Path, text: list[Example], tokenizer: Tokenizer, dropout: float, seed: int
) -> Store:
    """A corpus of one window."""
    write_examples(folder, text, (tokenizer, tokenizer), dropout, seed)
    return Store(folder, window=10_000, dropout=dropout, max_tokens=200, seed=seed)


def test_with_no_merge_left_out_words_are_cut_as_sentencepiece_cuts_them(
    tokenizer: Tokenizer,
) -> None:
    rank = tokenizer.merge_ranks()
    words = Words(tokenizer)
    words.numbered([each.target for each in examples(tokenizer)])
    known = [
        [tokenizer.piece(i) for i in word]
        for word in words.different
        # all but the end, bytes and placeholders are made of merges
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


@pytest.mark.parametrize("most", [MAX_WORDS, 30])
def test_the_text_stays_and_its_cuts_change(
    tokenizer: Tokenizer, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxlate_training.store.MAX_WORDS", most)
    usual = examples(tokenizer)
    anew = cut_anew(tmp_path, usual, tokenizer, 0.2, seed=1)

    one, other = anew.window(0, 0), anew.window(1, 0)

    texts = [each.source for each in usual], [each.target for each in usual]
    for texts_of_side, first, second in zip(texts, one, other, strict=True):
        assert first.flat().tolist() != second.flat().tolist()
        for before, after in zip(texts_of_side, first, strict=True):
            assert tokenizer.decode(after.tolist()) == tokenizer.decode(before.tolist())
            assert after.dtype == before.dtype
            assert after[-1] == before[-1]


def test_a_text_that_would_get_too_long_is_cut_as_usual(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    usual = examples(tokenizer)
    longest = max(len(each.target) for each in usual)
    write_examples(tmp_path, usual, (tokenizer, tokenizer), 0.5, seed=1)
    store = Store(tmp_path, window=300, dropout=0.5, max_tokens=longest, seed=1)

    _, target = store.window(0, 0)

    same = [
        after.tolist() == before.target.tolist()
        for before, after in zip(usual, target, strict=True)
    ]
    assert target.lengths.max() <= longest
    assert any(same)
    assert not all(same)


def test_merges_are_left_out_as_often_as_was_asked(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
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
    anew = cut_anew(tmp_path, text, tokenizer, 0.25, seed=1)

    cuts = [anew.window(epoch, 0)[0].lengths > 2 for epoch in range(20)]

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
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == digest(path)
