"""What was imported is served with all that the engine can do, and says the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from onnxlate import Client
from onnxlate.bundle import Bundle
from onnxlate.local_server import LocalServer
from onnxlate_export.export import export_bundle
from onnxlate_export.huggingface.generate import Generate
from onnxlate_export.huggingface.importing import Imported
from onnxlate_serving.native.library import library
from onnxlate_serving.native.programs import Programs

from .conftest import UNSEEN

LONGEST = 16


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[Client]:
    with LocalServer(bundle.path) as server, Client(server.address) as client:
        yield client


def by_generate(imported: Imported, original: Generate, beam_size: int) -> list[str]:
    source, target = imported.loaded.read_tokenizers()
    ids = [source.encode(each) for each in UNSEEN]
    found = original.translate(ids, beam_size, LONGEST)
    return [target.decode(each) for each in found]


def test_programs_of_ours_run_it(bundle: Bundle) -> None:
    if library() is None:
        pytest.skip("nothing was compiled: no compiler?")

    assert Programs.of(bundle)


def test_every_sentence_of_the_gate_is_equal(bundle: Bundle) -> None:
    gate = bundle.manifest.gate

    assert (gate.greedy_equal, gate.beam_equal, gate.beam_size) == (24, 24, 4)
    assert gate.max_logit_difference < 1e-3
    assert "generate of transformers" in gate.text


def test_the_server_says_greedily_what_generate_says(
    client: Client, imported: Imported, original: Generate
) -> None:
    served = client.translate(UNSEEN, beam_size=1, max_target_tokens=LONGEST)

    assert [each.text for each in served] == by_generate(imported, original, 1)


def test_the_best_of_a_beam_is_the_one_of_generate(
    client: Client, imported: Imported, original: Generate
) -> None:
    options = {"beam_size": 4, "num_hypotheses": 4, "max_target_tokens": LONGEST}
    served = client.translate(UNSEEN, **options)  # type: ignore[arg-type]

    # It takes the best, whether it ended or was cut off; we rank what ended first.
    best = [max(each.hypotheses, key=lambda one: one.score or 0) for each in served]
    assert [each.text for each in best] == by_generate(imported, original, 4)


def test_streams_prefixes_and_alignments_work(client: Client) -> None:
    [whole] = client.translate([UNSEEN[0]], beam_size=1, max_target_tokens=LONGEST)
    pieces = list(client.stream(UNSEEN[0], beam_size=1, max_target_tokens=LONGEST))
    [begun] = client.translate(
        [UNSEEN[0]], target_prefix="Wir haben", max_target_tokens=LONGEST
    )
    [aligned] = client.translate(
        [UNSEEN[0]], return_attention=True, max_target_tokens=LONGEST
    )

    assert "".join(pieces) == whole.text
    assert begun.text.startswith("Wir haben")
    assert aligned.hypotheses[0].attention


def test_it_goes_to_ctranslate2_too(imported: Imported, tmp_path: Path) -> None:
    from onnxlate_export.elsewhere.ctranslate2_export import export_ctranslate2

    found = export_ctranslate2(imported.loaded, tmp_path / "model", max_sentences=12)

    assert found.equal == found.sentences == 12


def test_int8_is_judged_by_references_and_served_too(
    imported: Imported, original: Generate, tmp_path: Path
) -> None:
    made = export_bundle(
        imported.loaded, tmp_path / "int8", "int8", outside=original, max_sentences=8
    )
    with LocalServer(made.path) as server, Client(server.address) as client:
        served = client.translate(UNSEEN, beam_size=1, max_target_tokens=LONGEST)

    gate = made.manifest.gate
    assert gate.chrf is not None and gate.chrf_pytorch is not None
    assert all(each.text for each in served)
