"""With whom a whole text is compared."""

from dataclasses import replace

from benchmarks.offline import offline
from benchmarks.suite import Suite


def test_each_peer_has_a_cell_of_its_own_and_says_the_same(suite: Suite) -> None:
    both = replace(suite, precisions=("fp32",), peers=("ctranslate2", "pytorch"))

    cells = list(offline(both))

    assert [each.peer for each in cells] == ["ctranslate2", "pytorch"]
    for cell in cells:
        assert cell.peer == cell.their_settings.engine
        assert cell.equal == cell.sentences


def test_pytorch_has_no_int8_to_compare_with(suite: Suite) -> None:
    alone = replace(suite, precisions=("int8",), peers=("pytorch",))

    assert list(offline(alone)) == []
