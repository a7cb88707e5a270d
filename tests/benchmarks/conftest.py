"""Benchmarks that run in this very process, on a model that is next to nothing."""

import pytest
from rich.console import Console

from benchmarks.sentences import sentences
from benchmarks.settings import OursSettings
from benchmarks.suite import Suite, SweepWhen


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    cache = tmp_path_factory.mktemp("cache")
    return Suite(
        texts=sentences(200),
        text_name="number words",
        cache=cache,
        model_names=("minimal",),
        run=None,
        data=None,
        precisions=("fp32", "int8"),
        beam_sizes=(1,),
        rounds=1,
        round_seconds=0.01,
        ours=OursSettings(model=cache),
        sweep=SweepWhen.never,
        sweep_seconds=0,
        limit_ms=None,
        console=Console(quiet=True),
    )
