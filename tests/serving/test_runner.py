"""The runner against a handmade model, driven by the real scheduler."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from onnxlate.bundle import Bundle
from onnxlate.search import FinishReason, Hypothesis, SearchOptions
from onnxlate_serving.block import HostBlock, HostStorage, Storage
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.device_block import DeviceStorage, RowGraphs
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.sessions import Sessions
from onnxlate_serving.step import Step

from .handmade import MAX_SOURCE, write_bundle

EOS = 3
ROWS = 12


@pytest.fixture(scope="module")
def sessions(bundle: Bundle) -> Sessions:
    return Sessions(bundle, RuntimeConfig(device="cpu"))


@pytest.fixture
def runner(bundle: Bundle, sessions: Sessions) -> OnnxRunner:
    return OnnxRunner(bundle, sessions, ROWS)


@pytest.fixture
def on_device(bundle: Bundle, sessions: Sessions) -> OnnxRunner:
    """What runs on a GPU, but for the GPU."""
    return OnnxRunner(bundle, sessions, ROWS, device_storage(bundle, "float32"))


def device_storage(bundle: Bundle, dtype: str) -> Storage:
    return DeviceStorage(bundle.manifest.model, np.dtype(dtype), RowGraphs("cpu"))


def asking(*words: int, **options: int | float | bool) -> Request:
    search = SearchOptions(**{"max_target_tokens": 40, "with_scores": True, **options})  # type: ignore[arg-type]
    return Request(source_ids=(*words, EOS), options=search)


def mixed_requests(count: int, seed: int = 0) -> list[Request]:
    """Of all lengths and options, some of the longest sources there can be."""
    rng = random.Random(seed)
    requests = []
    for index in range(count):
        longest = MAX_SOURCE - 1
        length = rng.choice([1, 3, 8, 20, longest - rng.randrange(6), longest])
        beam = rng.choice([1, 1, 2, 4, 5])
        options = SearchOptions(
            max_target_tokens=rng.choice([1, 5, 40, 70]),
            beam_size=beam,
            num_hypotheses=rng.randint(1, beam),
            length_penalty=rng.choice([0.0, 0.6, 1.0]),
            with_scores=True,
        )
        words = tuple(rng.randrange(4, 250) for _ in range(length))
        requests.append(Request((*words, EOS), options, streamed=index % 2 == 0))
    return requests


def demanding_requests(count: int) -> list[Request]:
    """Some have rules, some may not end soon, some have both."""
    return [
        asking(
            *range(4 + i, 8 + 2 * i),
            beam_size=1 + i % 3,
            min_target_tokens=20 * (i % 2),
            no_repeat_ngram_size=2 * (i % 5 == 0),
        )
        for i in range(count)
    ]


Outcomes = dict[Request, tuple[Hypothesis, ...]]


def decode(runner: OnnxRunner, arrivals: Sequence[Sequence[Request]]) -> Outcomes:
    """Runs until nothing is left; `arrivals` are who comes before each step."""
    scheduler = Scheduler(SchedulerConfig(max_rows=ROWS))
    outcomes: Outcomes = {}
    said: dict[Request, list[int]] = {}
    coming = list(arrivals)
    while True:
        if coming:
            scheduler.add(coming.pop(0))
        step = scheduler.schedule()
        if not step and not coming:
            return outcomes
        for piece in runner.run(step) if step else ():
            said.setdefault(piece.request, []).extend(piece.tokens)
            if piece.hypotheses:
                scheduler.finish(piece.request)
                outcomes[piece.request] = piece.hypotheses
                if piece.request.streamed:
                    assert tuple(said[piece.request]) == piece.hypotheses[0].tokens


def test_an_answer_is_the_same_to_the_last_bit_alone_and_in_any_company(
    runner: OnnxRunner,
) -> None:
    requests = mixed_requests(40)
    alone: Outcomes = {}
    for each in requests:
        alone |= decode(runner, [[each]])
    shuffled = random.Random(1).sample(requests, len(requests))

    together = decode(runner, [shuffled])
    trickling = decode(runner, [[each] for each in shuffled])

    assert together == alone
    assert trickling == alone


def test_caches_on_a_device_give_the_same_answers(
    runner: OnnxRunner, on_device: OnnxRunner
) -> None:
    requests = [*mixed_requests(30, seed=2), *demanding_requests(12)]
    random.Random(3).shuffle(requests)
    arrivals = [requests[at : at + 3] for at in range(0, 42, 3)]

    assert decode(on_device, arrivals) == decode(runner, arrivals)


def test_half_precision_caches_work_on_both(tmp_path: Path) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "half", precision="fp16"))
    sessions = Sessions(bundle, RuntimeConfig(device="cpu"))
    requests = mixed_requests(12, seed=3)

    host = HostStorage(bundle.manifest.model, np.dtype("float16"))
    on_host = decode(OnnxRunner(bundle, sessions, ROWS, host), [requests])
    device = device_storage(bundle, "float16")
    on_device = decode(OnnxRunner(bundle, sessions, ROWS, device), [requests])

    assert on_host == on_device
    assert len(on_host) == 12


@pytest.mark.parametrize("where", ["runner", "on_device"])
def test_a_cancelled_request_has_no_rows_at_the_next_step(
    where: str, request: pytest.FixtureRequest
) -> None:
    runner: OnnxRunner = request.getfixturevalue(where)
    kept, gone = asking(5, 6, 7), asking(8, 9, beam_size=4)
    alone = decode(runner, [[kept]])
    runner.run(Step(encode=(gone, kept), decode=(gone, kept)))
    assert runner.num_rows == 1 + 4

    runner.run(Step(encode=(), decode=(kept,)))

    assert runner.num_rows == 1
    hypotheses: tuple[Hypothesis, ...] = ()
    while not hypotheses:
        for piece in runner.run(Step(encode=(), decode=(kept,))):
            hypotheses = piece.hypotheses
    assert hypotheses == alone[kept]
    assert runner.num_rows == 0


def test_a_target_that_does_not_end_is_cut_and_says_so(runner: OnnxRunner) -> None:
    short = asking(*range(4, 40), max_target_tokens=2)

    (hypothesis,) = decode(runner, [[short]])[short]

    assert hypothesis.finish_reason is FinishReason.LENGTH
    assert len(hypothesis.tokens) == 2


@pytest.mark.parametrize("beam_size", [1, 4])
def test_what_is_no_number_is_no_answer_and_stays_in_no_row(
    runner: OnnxRunner, beam_size: int
) -> None:
    one, other = (asking(5, 6, word, beam_size=beam_size) for word in (7, 8))
    alone = decode(runner, [[other]])
    runner.run(Step(encode=(one,), decode=(one,)))
    past = runner._groups[beam_size]._state._past
    assert isinstance(past, HostBlock)
    past.array[:, :, :, 0] = np.nan

    with pytest.raises(FloatingPointError, match="no number"):
        runner.run(Step(encode=(), decode=(one,)))

    runner.reset()
    assert decode(runner, [[other]]) == alone


def test_after_a_reset_answers_are_as_before(runner: OnnxRunner) -> None:
    first, second = asking(5, 6, beam_size=3), asking(7, 8, 9)
    expected = decode(runner, [[second]])
    runner.run(Step(encode=(first,), decode=(first,)))

    runner.reset()

    assert runner.num_rows == 0
    assert decode(runner, [[second]]) == expected
