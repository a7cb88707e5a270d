"""With whom a whole text is compared."""

from dataclasses import replace

import pytest

from benchmarks.figures import LatencyCell, OfflineCell
from benchmarks.latency import latency
from benchmarks.offline import offline
from benchmarks.suite import Suite


def test_each_peer_has_a_cell_of_its_own_and_says_the_same(suite: Suite) -> None:
    pytest.importorskip("transformers")
    peers = ("ctranslate2", "pytorch", "marian")
    all_of_them = replace(suite, precisions=("fp32",), peers=peers)

    cells: list[OfflineCell | LatencyCell] = [*offline(all_of_them)]
    cells += latency(all_of_them)

    assert [each.peer for each in cells] == [*peers, *peers]
    for cell in cells:
        assert cell.peer == cell.their_settings.engine
        assert cell.equal == cell.sentences


def test_what_runs_on_pytorch_has_no_int8_to_compare_with(suite: Suite) -> None:
    alone = replace(suite, precisions=("int8",), peers=("pytorch", "marian"))

    assert [*offline(alone), *latency(alone)] == []
