"""What the documentation shows, works as it is written."""

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

from onnxlate.bundle import Bundle
from onnxlate.search import SearchOptions
from onnxlate.text import Tokenizer
from onnxlate_export.stepper import OrtStepper
from onnxlate_training.decode import decode

ROOT = Path(__file__).parents[2]
V1 = ROOT / "tests" / "bundles" / "v1"

TEXTS = ["3 1 4 1 5", "", "9", "2 7 1 8 2 8 1 8 2", "0 0 7"]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found


def test_the_greedy_loop_of_the_bundle_page_translates_as_we_do(
    tmp_path: Path,
) -> None:
    (code,) = blocks("bundle.md", "python")
    program = tmp_path / "greedy.py"
    program.write_text(code, encoding="utf-8")
    lines = "".join(f"{text}\n" for text in TEXTS)

    done = subprocess.run(
        [sys.executable, "-I", program, V1],
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ours(TEXTS)
    assert ours(TEXTS)[2] == "nine"


def ours(texts: list[str]) -> list[str]:
    bundle = Bundle.open(V1)
    source, target = (
        Tokenizer(bundle.source_tokenizer),
        Tokenizer(bundle.target_tokenizer),
    )
    ids = [source.encode(text) or [3] for text in texts]
    options = [SearchOptions(max_target_tokens=64)] * len(ids)
    stepper = OrtStepper(bundle.encoder, bundle.decoder, 1)
    return [target.decode(best.tokens) for (best,) in decode(stepper, ids, options)]


def test_the_greedy_loop_is_short_and_needs_nothing_of_ours() -> None:
    (code,) = blocks("bundle.md", "python")

    statements = [line for line in code.splitlines() if line.strip()]
    imported = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert len(statements) <= 45
    assert imported == {
        *("json", "pathlib", "sys", "numpy", "onnxruntime", "sentencepiece")
    }


def test_the_examples_of_the_masks_page_give_what_it_says() -> None:
    example = "\n".join(blocks("masks.md", "pycon"))

    test = doctest.DocTestParser().get_doctest(example, {}, "masks.md", None, 0)
    results = doctest.DocTestRunner().run(test)

    assert results.attempted > 8
    assert results.failed == 0


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 150_000
