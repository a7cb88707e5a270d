"""The search for a peer's best settings, and its memory."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.settings import CTranslate2Settings, OursSettings
from benchmarks.suite import Suite, SweepWhen


def suite(cache: Path, sweep: SweepWhen) -> Suite:
    return Suite(
        texts=["one", "two"],
        text_name="two words",
        cache=cache,
        model_names=(),
        run=None,
        data=None,
        precisions=("fp32",),
        beam_sizes=(1,),
        rounds=1,
        round_seconds=0.01,
        ours=OursSettings(model=cache),
        sweep=sweep,
        sweep_seconds=0.01,
        limit_ms=None,
        console=Console(quiet=True),
    )


FIRST = CTranslate2Settings(model=Path("model"))
BETTER = CTranslate2Settings(model=Path("model"), inter_threads=2)


def never() -> CTranslate2Settings:
    pytest.fail("it was known, or not wanted")


def test_what_was_found_is_found_once(tmp_path: Path) -> None:
    missing = suite(tmp_path, SweepWhen.missing)

    assert missing.kept("offline", FIRST, lambda: BETTER) == BETTER
    assert missing.kept("offline", FIRST, never) == BETTER
    assert missing.kept("latency", FIRST, lambda: FIRST) == FIRST


def test_it_can_be_looked_for_anew_and_not_at_all(tmp_path: Path) -> None:
    anew, not_at_all = suite(tmp_path, SweepWhen.anew), suite(tmp_path, SweepWhen.never)

    anew.kept("offline", FIRST, lambda: FIRST)

    assert anew.kept("offline", FIRST, lambda: BETTER) == BETTER
    assert not_at_all.kept("offline", FIRST, never) == FIRST
