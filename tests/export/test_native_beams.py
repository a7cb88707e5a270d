"""Compiled steps of beam search against those of onnxlate.search, to the last bit."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.bundle import Bundle
from onnxlate.search import Finished, Floats, Ints, Searches, SearchOptions
from onnxlate_export.export import export_bundle
from onnxlate_serving import decoder
from onnxlate_serving.bell import Bell
from onnxlate_serving.block import HostBlock
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.native import library as compiled
from onnxlate_serving.native.beams import BeamMemory
from onnxlate_serving.native.library import Ahead, Batch, Choice, Library, Op
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.sessions import Sessions
from onnxlate_serving.step import Step
from onnxlate_training.checkpoint import LoadedModel

from .models import SMALL, WIDER, random_model

if compiled.library() is None:
    pytest.skip("nothing was compiled: no compiler?", allow_module_level=True)

HOUR_NS = 3_600_000_000_000

EOS, VOCABULARY, ROOM, MOST_ROWS = 3, 40, 24, 40
CPU = RuntimeConfig(device="cpu", workers=1, threads=1)


class Rows:
    """Sentences of one beam size, and a cache of one number for each position."""

    def __init__(self, library: Library, beam_size: int) -> None:
        self.searches = Searches(beam_size, EOS, library, library.ranked)
        self.k = beam_size
        self.past = np.zeros((2, MOST_ROWS, 1, ROOM, 1), np.float32)
        self.lengths = np.zeros(MOST_ROWS, np.int64)  # by place
        self.ids = np.zeros(MOST_ROWS, np.int64)

    @property
    def num_places(self) -> int:
        return len(self.searches)

    @property
    def num_rows(self) -> int:
        return self.searches.num_rows

    def join(self, options: list[SearchOptions]) -> None:
        first = self.num_places
        self.searches.add(options)
        self.lengths[first : self.num_places] = 0

    def remember(self, numbers: Floats) -> None:
        """What a decoder would keep of the newest tokens."""
        self.lengths[: self.num_places] += 1
        at = self.lengths[: self.num_places].repeat(self.k) - 1
        self.past[:, np.arange(self.num_rows), 0, at, 0] = numbers[: self.num_rows]

    def leave(self, places: list[int]) -> None:
        for source, place in self.searches.remove(places):
            self.lengths[place] = self.lengths[source]
            rows = self.past[:, source * self.k : (source + 1) * self.k]
            self.past[:, place * self.k : (place + 1) * self.k] = rows

    def seen(self) -> list[object]:
        """All that anybody may go by."""
        lengths = self.lengths[: self.num_places].repeat(self.k)
        past = self.past[:, : self.num_rows, 0, :, 0]
        return [
            *(self.searches.stable_prefix(place) for place in range(self.num_places)),
            self.ids[: self.num_rows].tolist(),
            *(past[:, row, :length].tolist() for row, length in enumerate(lengths)),
        ]


class InPython(Rows):
    def step(self, logits: Floats) -> Finished:
        turn = self.searches.advance(logits)
        self.ids[: self.num_rows] = turn.tokens
        self.past[:, : self.num_rows] = self.past[:, turn.parents]
        return turn.finished


class Compiled(Rows):
    def __init__(self, library: Library, beam_size: int) -> None:
        super().__init__(library, beam_size)
        self.library = library
        self.memory = BeamMemory(MOST_ROWS, 1, entries=2)

    def step(self, logits: Floats) -> Finished:
        beams = self.searches.beams(1)
        assert beams
        self.memory.fill(beams)
        batch = Batch(
            rows=self.num_rows,
            sentences=self.num_places,
            heads=1,
            head_width=1,
            target_lengths=self.lengths.ctypes.data,
            past=self.past.ctypes.data,
            past_stride=self.past.strides[0],
            past_room=ROOM,
        )
        choice = Choice(logits=logits.ctypes.data, vocabulary=logits.shape[1])
        ahead = Ahead(
            most=1,
            end=EOS,
            ids=self.ids.ctypes.data,
            target_lengths=self.lengths.ctypes.data,
        )
        positions: Ints = np.zeros(MOST_ROWS, np.int64)
        given = (choice, ahead, self.memory.given)
        done = self.library.run_ahead(
            (Op * 0)(), batch, positions.ctypes.data, None, *given
        )
        assert done == 1
        return self.searches.take_beams(self.memory.ended())


def drawn(draw: np.random.Generator, rows: int, size: int) -> Floats:
    """Logits as models have them, or with many equals, or with what is impossible or
    no number at all."""
    logits = draw.normal(scale=draw.choice([1, 4]), size=(rows, size))
    logits[:, EOS] += draw.choice([-2, 0, 3])
    if draw.random() < 0.3:
        logits = logits.round()
    if draw.random() < 0.2:
        logits[:, draw.integers(0, size, 3)] = -np.inf
    if draw.random() < 0.05:
        logits[draw.integers(0, rows)] = np.nan
        logits[:, 0] = 0
    return logits.astype(np.float32)


def wish(draw: np.random.Generator, beam_size: int) -> SearchOptions:
    return SearchOptions(
        max_target_tokens=int(draw.integers(1, ROOM)),
        beam_size=beam_size,
        num_hypotheses=int(draw.integers(1, beam_size + 1)),
        length_penalty=float(draw.choice([0, 0.6, 1, 1.3, 2])),
        min_target_tokens=int(draw.choice([0, 0, 5, 30])),
    )


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    beam_size=st.integers(2, 7),
    size=st.sampled_from([4, 5, 9, VOCABULARY, 300]),
)
def test_steps_are_those_of_the_search_in_python_whoever_comes_and_goes(
    library: Library, seed: int, beam_size: int, size: int
) -> None:
    draw = np.random.default_rng(seed)
    both = InPython(library, beam_size), Compiled(library, beam_size)

    for _ in range(25):
        room = MOST_ROWS // beam_size - both[0].num_places
        new = [wish(draw, beam_size) for _ in range(draw.integers(0, min(room, 3) + 1))]
        for each in both:
            each.join(new)
        if not both[0].num_places:
            continue
        numbers = draw.random(MOST_ROWS).astype(np.float32)
        logits = drawn(draw, both[0].num_rows, size)
        found = []
        for each in both:
            each.remember(numbers)
            found.append(each.step(logits.copy()))

        assert found[0] == found[1]
        assert both[0].seen() == both[1].seen()
        gone = {*found[0], *draw.integers(0, both[0].num_places, 1).tolist()}
        leaving = sorted(gone if draw.random() < 0.2 else found[0])
        for each in both:
            each.leave(leaving)


@pytest.mark.parametrize(
    "change",
    [
        {"with_tokens": True},
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 2},
        {"required": ((5,),)},
        {"begin": (5,)},
    ],
)
def test_whoever_wants_more_is_served_in_python(change: dict[str, object]) -> None:
    searches = Searches(2, EOS)
    searches.add([SearchOptions(9, 2)])
    assert searches.beams(4)

    searches.add([replace(SearchOptions(9, 2), **change)])  # type: ignore[arg-type]

    assert searches.beams(4) is None


@pytest.fixture(scope="module", params=["fp32", "int8"])
def bundle(
    request: pytest.FixtureRequest,
    loaded: LoadedModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    wider = SMALL.model_copy(update=WIDER)
    model = replace(loaded, model=random_model(wider))
    path = tmp_path_factory.mktemp("beams") / "bundle"
    return export_bundle(model, path, request.param, max_sentences=4)


def asked(beam_sizes: list[int]) -> list[Request]:
    """Some are listened to, some want what Python does only."""
    draw = random.Random(5)
    return [
        Request(
            (*(draw.randrange(4, 150) for _ in range(draw.randint(1, 30))), 3),
            SearchOptions(
                max_target_tokens=draw.choice([1, 3, 20, 70]),
                beam_size=(beam_size := draw.choice(beam_sizes)),
                num_hypotheses=draw.randint(1, beam_size),
                length_penalty=draw.choice([0.0, 0.7, 1.0, 1.4]),
                min_target_tokens=draw.choice([0, 0, 9]),
                with_scores=True,
                with_tokens=draw.random() < 0.05,
                no_repeat_ngram_size=draw.choice([0] * 19 + [2]),
            ),
            streamed=draw.random() < 0.05,
        )
        for _ in range(30)
    ]


def answers(
    bundle: Bundle, beam_sizes: list[int], bell: Bell | None = None
) -> list[object]:
    """All that is said of each request; they come two at a time, and one goes."""
    requests = asked(beam_sizes)
    scheduler = Scheduler(SchedulerConfig(max_rows=16))
    runner = OnnxRunner(bundle, Sessions(bundle, CPU), 16, bell=bell)
    said: dict[Request, list[object]] = {each: [] for each in requests}
    coming = requests[::-1]
    gone = requests[7]
    step = Step((), ())
    while coming or step:
        scheduler.add([coming.pop() for _ in range(min(2, len(coming)))])
        if gone in step.decode and not said[gone]:
            scheduler.finish(gone)
            said[gone] = ["gone"]
        step = scheduler.schedule()
        for piece in runner.run(step):
            if piece.hypotheses:
                scheduler.finish(piece.request)
                said[piece.request].append(piece.hypotheses)
    return list(said.values())


@pytest.mark.parametrize("patience_ns", [0, HOUR_NS])
@pytest.mark.parametrize("beam_sizes", [[4], [2, 5], [1, 3, 3, 5]])
def test_answers_are_those_of_the_search_in_python(
    bundle: Bundle,
    beam_sizes: list[int],
    patience_ns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder, "PATIENCE_NS", patience_ns)
    bell = Bell()
    several = answers(bundle, beam_sizes, bell)
    one_by_one = answers(bundle, beam_sizes)
    never: Callable[[Searches, int], None] = lambda _, steps: None  # noqa: E731
    monkeypatch.setattr(Searches, "beams", never)

    in_python = answers(bundle, beam_sizes)

    assert several == in_python
    assert one_by_one == in_python
    if len(beam_sizes) == 1:
        assert bell.further_steps > 100


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("beam_size", [1, 4])
def test_where_nothing_is_a_number_there_is_no_answer(
    bundle: Bundle, beam_size: int, with_scores: bool, streamed: bool
) -> None:
    if bundle.manifest.precision == "int8":
        pytest.skip("what was a byte is a number")
    runner = OnnxRunner(bundle, Sessions(bundle, CPU), 4)
    options = SearchOptions(
        max_target_tokens=9, beam_size=beam_size, with_scores=with_scores
    )
    request = Request((5, 6, 3), options, streamed)
    runner.run(Step((request,), (request,)))
    cross = runner._groups[beam_size]._state._cross
    assert isinstance(cross, HostBlock)
    cross.array[:] = np.nan

    with pytest.raises(FloatingPointError, match="no number"):
        runner.run(Step((), (request,)))
