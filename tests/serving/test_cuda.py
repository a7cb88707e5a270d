"""What only a GPU can show. Elsewhere all of it is skipped; what runs on a GPU but for
the GPU is in test_runner.py."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort
import pytest

from onnxlate.bundle import Bundle, Precision
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.sessions import Sessions

from .handmade import write_bundle
from .test_runner import ROWS, Outcomes, asking, decode, mixed_requests

pytestmark = pytest.mark.skipif(
    "CUDAExecutionProvider" not in ort.get_available_providers(),
    reason="this onnxruntime is built without CUDA; have onnxruntime-gpu instead",
)

Runners = tuple[OnnxRunner, OnnxRunner]
"""On the GPU, and beside it."""


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def precision(request: pytest.FixtureRequest) -> Precision:
    kind: Precision = request.param
    return kind


@pytest.fixture(scope="module")
def runners(precision: Precision, tmp_path_factory: pytest.TempPathFactory) -> Runners:
    path = tmp_path_factory.mktemp("cuda") / precision
    bundle = Bundle.open(write_bundle(path, precision=precision))
    sessions = [
        Sessions(bundle, RuntimeConfig(device=each)) for each in ("cuda", "cpu")
    ]
    gpu, cpu = (OnnxRunner(bundle, each, ROWS) for each in sessions)
    return gpu, cpu


def num_different(some: Outcomes, others: Outcomes) -> int:
    """Texts whose best translation has other tokens."""
    return sum(some[each][0].tokens != others[each][0].tokens for each in some)


def trickling(requests: Sequence[Request], at_once: int) -> list[Sequence[Request]]:
    return [requests[at : at + at_once] for at in range(0, len(requests), at_once)]


def patient_requests() -> list[Request]:
    return [
        asking(*range(4, 8 + 3 * i), min_target_tokens=20, beam_size=1 + 2 * (i % 2))
        for i in range(8)
    ]


def test_a_gpu_says_what_a_cpu_says(runners: Runners, precision: Precision) -> None:
    gpu, cpu = runners
    requests = [*mixed_requests(100, seed=4), *patient_requests()]

    here = decode(gpu, trickling(requests, 3))
    there = decode(cpu, trickling(requests, 3))

    # Halves are rounded elsewhere on the way; floats only in their last digits.
    allowed = {"fp32": 1, "fp16": 20}[precision]
    assert num_different(here, there) <= allowed
    for request, hypotheses in here.items():
        assert len(hypotheses[0].tokens) + 1 >= request.options.min_target_tokens


def test_company_changes_next_to_nothing(
    runners: Runners, precision: Precision
) -> None:
    """cuBLAS takes other kernels for other sizes, so the last digits differ."""
    gpu, _ = runners
    requests = mixed_requests(60, seed=5)
    alone: Outcomes = {}
    for each in requests:
        alone |= decode(gpu, [[each]])

    together = decode(gpu, trickling(requests, 5))

    allowed = {"fp32": 1, "fp16": 12}[precision]
    assert num_different(together, alone) <= allowed


def test_a_second_text_is_not_answered_with_the_first(runners: Runners) -> None:
    """Of one length, so that what was bound for the first is used again."""
    gpu, cpu = runners
    for words in ((5, 6, 7), (50, 60, 70), (90, 80, 100)):
        request = asking(*words)
        here, there = decode(gpu, [[request]]), decode(cpu, [[request]])
        assert here[request][0].tokens == there[request][0].tokens


def test_a_cuda_server_needs_no_word_about_the_device(tmp_path: Path) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "half", precision="fp16"))

    assert Sessions(bundle, RuntimeConfig(device="auto")).device == "cuda"
