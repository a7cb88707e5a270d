"""Our own code against onnxruntime, on the graphs that the exporter writes."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxlate.beam import ranked
from onnxlate.bundle import Bundle, ModelInfo
from onnxlate.candidates import NumpyLogProbs, likeliest
from onnxlate.errors import ConfigError
from onnxlate.search import SearchOptions
from onnxlate_export.export import export_bundle
from onnxlate_serving import decoder as decoder_module
from onnxlate_serving.bell import Bell
from onnxlate_serving.binding import CacheBinder
from onnxlate_serving.block import HostBlock, HostStorage
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.decoder import NativeDecoder
from onnxlate_serving.decoder_state import DecoderState
from onnxlate_serving.encoder import NativeReader
from onnxlate_serving.native import library as compiled
from onnxlate_serving.native.checks import Part
from onnxlate_serving.native.library import Batch, Library, Team
from onnxlate_serving.native.program import Memory, Program
from onnxlate_serving.native.programs import Programs
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.sessions import Sessions
from onnxlate_training.checkpoint import LoadedModel

from .models import SMALL, VOCABULARY, WIDER, random_model
from .tables import Arrays, run

if compiled.library() is None:
    pytest.skip("nothing was compiled: no compiler?", allow_module_level=True)

HOUR_NS = 3_600_000_000_000

Tamper = Callable[[onnx.GraphProto], None]

CPU = RuntimeConfig(device="cpu", workers=1, threads=1)
SOURCE_ROOM, TARGET_ROOM = 24, 40

KINDS: dict[str, dict[str, object]] = {
    "small": {},
    "post-norm": {"norm": "post"},
    "gelu": {"activation": "gelu"},
    "silu": {"activation": "silu"},
    "untied": {"tying": "none"},
    "wider": WIDER,
    "large": {"width": 256, "heads": 4, "feed_forward": 1024},
}


@pytest.fixture(scope="module")
def bundles(
    loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Bundle]:
    made = {}
    for name, change in KINDS.items():
        config = SMALL.model_copy(update=change)
        model = replace(loaded, model=random_model(config))
        for precision in ("fp32", "int8"):
            path = tmp_path_factory.mktemp("native") / "bundle"
            made[f"{name} {precision}"] = export_bundle(
                model, path, precision, max_sentences=4
            )
    return made


@pytest.fixture(
    params=[f"{name} {precision}" for name in KINDS for precision in ("fp32", "int8")]
)
def bundle(request: pytest.FixtureRequest, bundles: dict[str, Bundle]) -> Bundle:
    return bundles[request.param]


class Step:
    """Something to decode, drawn from a seed: places of `beam` rows each."""

    def __init__(self, model: ModelInfo, places: int, beam: int, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        self.model, rows, layers = model, places * beam, model.decoder_layers
        self.beam = beam
        shape = (model.heads, 0, model.head_width)
        self.cross = draw.standard_normal(
            (2 * layers, places, shape[0], SOURCE_ROOM, shape[2]), np.float32
        )
        self.past = draw.standard_normal(
            (2 * layers, rows, shape[0], TARGET_ROOM, shape[2]), np.float32
        )
        self.ids = draw.integers(4, model.target_vocabulary, rows)
        self.source_lengths = draw.integers(1, SOURCE_ROOM + 1, places)
        self.target_lengths = draw.integers(1, TARGET_ROOM + 1, places)

    def feeds(self) -> Arrays:
        lengths = self.target_lengths.repeat(self.beam)[:, None]
        given: Arrays = {
            "target_ids": self.ids,
            "target_visible": np.arange(TARGET_ROOM) < lengths,
            "source_visible": np.arange(SOURCE_ROOM) < self.source_lengths[:, None],
        }
        for layer in range(self.model.decoder_layers):
            for part, kind in enumerate(("keys", "values")):
                given[f"cross_{kind}_{layer}"] = self.cross[2 * layer + part]
                given[f"past_{kind}_{layer}"] = self.past[2 * layer + part]
        return given

    def only(self, place: int) -> "Step":
        """One place of it."""
        rows = slice(place * self.beam, (place + 1) * self.beam)
        one = Step(self.model, 1, self.beam)
        one.cross = self.cross[:, place : place + 1].copy()
        one.past = self.past[:, rows].copy()
        one.ids = self.ids[rows].copy()
        one.source_lengths = self.source_lengths[place : place + 1].copy()
        one.target_lengths = self.target_lengths[place : place + 1].copy()
        return one

    def run(
        self, program: Program, screened: bool = False, team: Team | None = None
    ) -> list[Arrays]:
        """Logits; or, `screened`, what there is of exact and of rough ones."""
        model, rows = self.model, len(self.ids)
        memory = Memory(program, model, team)
        batch: Batch = memory.batch
        batch.rows, batch.sentences = rows, rows // self.beam
        batch.ids = self.ids.ctypes.data
        batch.source_lengths = self.source_lengths.ctypes.data
        batch.target_lengths = self.target_lengths.ctypes.data
        batch.cross, batch.cross_stride = self.cross.ctypes.data, self.cross.strides[0]
        batch.past, batch.past_stride = self.past.ctypes.data, self.past.strides[0]
        batch.cross_room, batch.past_room = SOURCE_ROOM, TARGET_ROOM
        found = []
        for ops in (program.exact, program.rough) if screened else (program.plain,):
            made = {
                "logits": np.zeros((rows, model.target_vocabulary), np.float32),
                "logits_error": np.zeros(rows, np.float32),
                "decoded": np.zeros((rows, model.width), np.float32),
            }
            addresses = [each.ctypes.data for each in made.values()]
            memory.run(ops, addresses if screened else addresses[:1])
            found.append(made)
        return found


def by_onnxruntime(bundle: Bundle, graph: str, given: Arrays) -> Arrays:
    sessions = Sessions(bundle, CPU)  # which owns weights that its graphs refer to
    return run(getattr(sessions, graph), given)


def program(library: Library, bundle: Bundle) -> Program:
    made = Program.of(library, bundle, "decoder")
    assert made
    return made


@pytest.mark.parametrize(("places", "beam"), [(1, 1), (13, 1), (3, 4)])
def test_a_step_says_what_onnxruntime_says(
    library: Library, bundle: Bundle, places: int, beam: int
) -> None:
    step = Step(bundle.manifest.model, places, beam)
    expected = by_onnxruntime(bundle, "decoder", step.feeds())

    (found,) = step.run(program(library, bundle))

    # In int8 what differs by rounding may become another integer.
    tolerance = 2e-4 if bundle.manifest.precision == "fp32" else 0.5
    np.testing.assert_allclose(found["logits"], expected["logits"], atol=tolerance)
    written = step.feeds()["target_visible"]
    for layer in range(2):
        keys = expected[f"present_keys_{layer}"].transpose(0, 2, 1, 3)[written]
        ours = step.past[2 * layer].transpose(0, 2, 1, 3)[written]
        np.testing.assert_allclose(ours, keys, atol=tolerance)


def test_rough_scores_are_off_by_no_more_than_they_say(
    library: Library, bundles: dict[str, Bundle]
) -> None:
    bundle = bundles["wider fp32"]
    step = Step(bundle.manifest.model, 9, 1)
    expected = by_onnxruntime(bundle, "decoder", step.feeds())

    exact, rough = step.run(program(library, bundle), screened=True)

    np.testing.assert_allclose(exact["decoded"], expected["decoded"], atol=1e-4)
    np.testing.assert_array_equal(exact["decoded"], rough["decoded"])
    np.testing.assert_allclose(
        exact["logits_error"], expected["logits_error"], rtol=1e-4
    )
    off = np.abs(rough["logits"] - exact["logits"]).max(axis=1)
    assert off.max() > 0
    assert (off <= rough["logits_error"] + exact["logits_error"]).all()
    assert (rough["logits_error"] < 50 * off).all()


class Noting(Library):
    """Notes what it packs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "plain")
        self.packed_dtypes: list[str] = []

    def packed(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self.packed_dtypes.append(matrix.dtype.name)
        return super().packed(matrix)


def test_what_scores_are_made_of_is_packed_once_when_they_are_wanted(
    bundles: dict[str, Bundle],
) -> None:
    known = compiled.library()
    assert known
    library = Noting(known.path)
    made = program(library, bundles["wider fp32"])
    first = len(library.packed_dtypes)
    assert set(library.packed_dtypes) == {"float32"}

    made.rough, made.rough  # noqa: B018 - as greedy search does

    assert library.packed_dtypes[first:] == ["int8"]

    made.plain, made.exact  # noqa: B018 - as beams do, and whoever wants scores

    assert library.packed_dtypes[first:] == ["int8", "float32"]


@pytest.mark.parametrize("beam", [1, 3])
def test_a_row_comes_to_the_same_bits_alone_and_in_any_company(
    library: Library, bundle: Bundle, beam: int
) -> None:
    whole = Step(bundle.manifest.model, 14, beam)
    parts = [whole.only(place) for place in range(14)]
    made = program(library, bundle)

    (together,) = whole.run(made)

    for place, part in enumerate(parts):
        (alone,) = part.run(made)
        rows = slice(place * beam, (place + 1) * beam)
        np.testing.assert_array_equal(together["logits"][rows], alone["logits"])
        np.testing.assert_array_equal(whole.past[:, rows], part.past)


def test_helpers_change_nothing(
    library: Library, bundles: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles["large int8"]
    model = bundle.manifest.model
    alone, helped = Step(model, 5, 1), Step(model, 5, 1)
    made, team = program(library, bundle), library.team(3)
    assert team

    (expected,) = alone.run(made)

    for _ in range(200):
        (found,) = helped.run(made, team=team)
        np.testing.assert_array_equal(found["logits"], expected["logits"])


def test_sources_are_read_as_onnxruntime_reads_them(
    library: Library, bundle: Bundle
) -> None:
    model = bundle.manifest.model
    sources = [[9, 8, 7, 6, 5, 3], [5, 3], [7, 7, 3], [*range(10, 29), 3]]
    padded = np.zeros((4, SOURCE_ROOM), np.int64)
    for row, ids in zip(padded, sources, strict=True):
        row[: len(ids)] = ids
    seen = np.arange(SOURCE_ROOM) < np.array([[len(each)] for each in sources])
    given = {"source_ids": padded, "source_visible": seen}
    expected = by_onnxruntime(bundle, "encoder", given)
    encoder = Program.of(library, bundle, "encoder")
    assert encoder

    def read(given: list[list[int]]) -> HostBlock:
        block = HostStorage(model, np.float32).zeros(len(given), SOURCE_ROOM)
        NativeReader(encoder, model).read(given, block)
        return block

    block = read(sources)

    tolerance = 1e-4 if bundle.manifest.precision == "fp32" else 0.3
    for entry, name in enumerate(expected):
        theirs = expected[name].transpose(0, 2, 1, 3)[seen]
        ours = block.array[entry].transpose(0, 2, 1, 3)[seen]
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    for place, ids in enumerate(sources):
        alone = read([ids]).array[:, 0, :, : len(ids)]
        np.testing.assert_array_equal(block.array[:, place, :, : len(ids)], alone)


def answers(
    bundle: Bundle, sessions: Sessions, seed: int, bell: Bell | None = None
) -> list[object]:
    """Of requests of all kinds, in the order of asking."""
    draw = random.Random(seed)
    requests = [
        Request(
            (*(draw.randrange(4, 150) for _ in range(draw.randint(1, 30))), 3),
            SearchOptions(
                max_target_tokens=draw.choice([3, 20, 40]),
                beam_size=draw.choice([1, 1, 3, 4]),
                with_scores=draw.random() < 0.3,
            ),
        )
        for _ in range(40)
    ]
    scheduler = Scheduler(SchedulerConfig(max_rows=16))
    runner = OnnxRunner(bundle, sessions, 16, bell=bell)
    outcomes: dict[Request, object] = {}
    coming = list(requests)
    while len(outcomes) < len(requests):
        if coming:  # five at a time, and then one
            scheduler.add(
                [coming.pop() for _ in range(min(5, max(1, len(coming) - 9)))]
            )
        step = scheduler.schedule()
        for piece in runner.run(step):
            if piece.hypotheses:
                scheduler.finish(piece.request)
                outcomes[piece.request] = [each.tokens for each in piece.hypotheses]
    return [outcomes[each] for each in requests]


@pytest.mark.parametrize("name", ["small fp32", "post-norm fp32", "wider fp32"])
def test_answers_in_fp32_are_those_of_onnxruntime(
    bundles: dict[str, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles[name]
    ours = Sessions(bundle, CPU)
    assert ours.native
    found = answers(bundle, ours, seed=1)

    monkeypatch.setattr(Programs, "of", lambda *_: None)

    assert found == answers(bundle, Sessions(bundle, CPU), seed=1)


@pytest.mark.parametrize("name", ["small fp32", "wider fp32", "wider int8"])
@pytest.mark.parametrize("patience_ns", [0, HOUR_NS])
@pytest.mark.parametrize("rung", [False, True])
def test_several_steps_at_once_are_those_one_by_one(
    bundles: dict[str, Bundle],
    name: str,
    rung: bool,
    patience_ns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder_module, "PATIENCE_NS", patience_ns)
    bundle, bell = bundles[name], Bell()
    if rung:
        bell.ring()

    several = answers(bundle, Sessions(bundle, CPU), seed=2, bell=bell)

    assert (bell.further_steps > 0) is (patience_ns > 0 or not rung)
    assert several == answers(bundle, Sessions(bundle, CPU), seed=2)


def test_several_steps_end_soon_after_the_first_sentence_the_first_cut_or_the_bell(
    bundles: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles["small int8"]
    programs = Programs.of(bundle)
    assert programs
    eos, model = bundle.manifest.special_ids.eos, bundle.manifest.model

    def steps(
        most: int, bell: Bell, patience_ns: int = 0, first: int = 16
    ) -> list[list[int]]:
        """The first sentence may be cut earlier."""
        monkeypatch.setattr(decoder_module, "PATIENCE_NS", patience_ns)
        storage = HostStorage(model, np.float32)
        state = DecoderState(CacheBinder(model, np.float32), storage, 2)
        cross = storage.zeros(2, SOURCE_ROOM)
        sources = [[9, 8, 7, 3], [5, 3]]
        NativeReader(programs.encoder, model).read(sources, cross)
        state.join(cross, [4, 2], begin_id=2)
        state.advance()
        decoder = NativeDecoder(programs, bundle.manifest, 2)
        left = np.array([min(first, most), most])
        tokens = decoder.run_ahead(state, left, bell)
        assert tokens is not None
        return tokens.tolist()

    quiet, rung = Bell(), Bell()
    rung.ring()
    whole = steps(16, quiet)

    assert [eos in row for row in whole[:-1]] == [False] * (len(whole) - 1)
    assert len(whole) == 16 or eos in whole[-1]
    assert steps(3, quiet) == whole[:3]
    assert steps(16, rung) == whole[:1]
    assert steps(16, quiet, first=1) == whole[:1]
    everything = steps(16, rung, patience_ns=HOUR_NS)
    assert everything[: len(whole)] == whole
    assert steps(16, quiet, patience_ns=HOUR_NS, first=1) == everything
    # News is told after sixteen steps, however many more there might be.
    assert steps(40, rung, patience_ns=HOUR_NS) == everything
    rows = zip(*everything, strict=True)
    assert len(everything) == 16 or all(eos in row for row in rows)


@pytest.mark.parametrize(("name", "most"), [("small int8", 30), ("large int8", 16)])
def test_only_a_narrow_model_goes_on_for_dozens_of_steps(
    bundles: dict[str, Bundle], name: str, most: int
) -> None:
    bundle, bell = bundles[name], Bell()
    runner = OnnxRunner(bundle, Sessions(bundle, CPU), 1, bell=bell)
    done = []
    for source in range(4, 24):  # some of which end at once
        scheduler = Scheduler(SchedulerConfig())
        scheduler.add([Request((source, 3), SearchOptions(30))])
        runner.run(scheduler.schedule())
        done.append(1 + bell.further_steps)
        runner.reset()
        bell.further_steps = 0

    assert max(done) == most


def drawn_logits() -> Iterator[np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    draw = np.random.default_rng(5)
    for rows, size in ((1, 5), (3, 16), (7, 200), (2, 1003)):
        logits = draw.standard_normal((rows, size), np.float32) * 4
        yield logits
        yield np.round(logits)  # many equals
        logits = logits.copy()
        logits[:, draw.integers(0, size, 3)] = -np.inf
        yield logits
    yield np.zeros((2, 70), np.float32)


@pytest.mark.parametrize("beam", [1, 2, 5, 20])
def test_the_best_extensions_are_numpys(library: Library, beam: int) -> None:
    draw = np.random.default_rng(6)
    for drawn in drawn_logits():
        logits = np.repeat(drawn, beam, axis=0)
        logits += np.round(draw.standard_normal(logits.shape, np.float32))
        log_probs = draw.standard_normal((len(drawn), beam)).cumsum(axis=1)
        log_probs[:, 1:][log_probs[:, 1:] > 1] = -np.inf
        tokens = likeliest(logits, 2 * beam)
        scores = NumpyLogProbs().of(logits, tokens)
        expected = ranked(log_probs, tokens, library.of(logits, tokens))

        found = library.ranked(log_probs, logits)

        np.testing.assert_allclose(library.of(logits, tokens), scores, atol=4e-6)
        np.testing.assert_array_equal(found.log_probs, expected.log_probs)
        np.testing.assert_array_equal(found.tokens, expected.tokens)
        np.testing.assert_array_equal(found.parents, expected.parents)


def test_what_is_no_number_is_no_extension(library: Library) -> None:
    logits = np.array([[np.nan, 1, np.nan, 3, 2], [np.nan] * 5], np.float32)

    found = library.ranked(np.zeros((2, 1)), logits)

    assert found.tokens[0].tolist() == [3, 4]
    assert found.log_probs[1].tolist() == [-np.inf, -np.inf]


def test_rows_are_copied_one_after_the_other(library: Library) -> None:
    block = np.arange(2 * 4 * 3 * 6 * 2, dtype=np.float32).reshape(2, 4, 3, 6, 2)
    expected = block.copy()
    copies, lengths = [(0, 2), (2, 3), (1, 0)], [4, 6, 0]
    for (source, target), length in zip(copies, lengths, strict=True):
        expected[:, target, :, :length] = expected[:, source, :, :length]

    library.copy(block, copies, lengths)

    np.testing.assert_array_equal(block, expected)


def tampered(bundle: Bundle, part: Part, folder: Path, change: Tamper) -> Bundle:
    """A copy, one of its graphs changed; what the manifest says of it is not."""
    path = shutil.copytree(bundle.path, folder / "bundle") / f"{part}.onnx"
    model = onnx.load(path, load_external_data=False)
    change(model.graph)
    path.write_bytes(model.SerializeToString())
    return Bundle(path.parent, bundle.manifest)


def first(graph: onnx.GraphProto, kind: str) -> onnx.NodeProto:
    return next(each for each in graph.node if each.op_type == kind)


def add(graph: onnx.GraphProto, kind: str, *names: str, **said: Any) -> None:
    """A node at the end: inputs, and one output."""
    graph.node.append(helper.make_node(kind, names[:-1], names[-1:], **said))


def constant(graph: onnx.GraphProto, *shape: int) -> str:
    name = f"zeros{len(graph.initializer)}"
    zeros = np.zeros(shape, np.float32)
    graph.initializer.append(numpy_helper.from_array(zeros, name))
    return name


def tame(graph: onnx.GraphProto) -> None:
    add(graph, "Tanh", graph.node[-1].input[0], "tame")


def say_something(graph: onnx.GraphProto) -> None:
    normed = first(graph, "LayerNormalization").output[0]
    add(graph, "Gemm", normed, constant(graph, VOCABULARY, 16), "logits", transB=1)


def keep(graph: onnx.GraphProto) -> None:
    normed = first(graph, "LayerNormalization").output[0]
    add(graph, "Transpose", normed, "cross_keys_0", perm=[0, 2, 1, 3])


def look_around(graph: onnx.GraphProto) -> None:
    mask = first(graph, "MultiHeadAttention").input[4]
    thirds, place = ["one", "two", "three"], first(graph, "GroupQueryAttention")
    graph.node.append(
        helper.make_node("Split", place.input[:1], thirds, axis=1, num_outputs=3)
    )
    said = {"num_heads": SMALL.heads, "domain": "com.microsoft"}
    add(graph, "MultiHeadAttention", *thirds, "", mask, "around", **said)


def add_bytes(graph: onnx.GraphProto) -> None:
    place = first(graph, "QuantizeLinear")
    add(graph, "Add", place.input[0], place.output[0], "sum")


def be_empty(graph: onnx.GraphProto) -> None:
    del graph.node[:]


def be_of_no_width(graph: onnx.GraphProto) -> None:
    normed = first(graph, "LayerNormalization").output[0]
    add(graph, "Gemm", normed, constant(graph, 0, 16), "nothing", transB=1)
    add(graph, "Gemm", "nothing", constant(graph, 16, 0), "something", transB=1)


def turn_otherwise(graph: onnx.GraphProto) -> None:
    place = next(each for each in graph.node if each.output[0] == "cross_keys_0")
    place.attribute[0].ints[:] = [0, 1, 2, 3]


def weigh_more(graph: onnx.GraphProto) -> None:
    heavy = next(each for each in graph.initializer if each.name.endswith("out.int8"))
    whole = numpy_helper.to_array(heavy).copy()
    whole[0, 0] = 127
    heavy.CopyFrom(numpy_helper.from_array(whole, heavy.name))


def be_called_same(graph: onnx.GraphProto) -> None:
    add(graph, "Same", graph.node[-1].input[0], "same")


def divide_rows(graph: onnx.GraphProto) -> None:
    place = first(graph, "Reshape")
    wanted = next(each for each in graph.initializer if each.name == place.input[1])
    halves = numpy_helper.from_array(np.array([-1, 1, 24]), wanted.name)
    wanted.CopyFrom(halves)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        *(("decoder", tame), ("encoder", say_something), ("decoder", keep)),
        *(("decoder", look_around), ("decoder", add_bytes), ("decoder", be_empty)),
        *(("encoder", be_empty), ("decoder", be_of_no_width)),
        *(("encoder", turn_otherwise), ("decoder", weigh_more)),
        *(("decoder", be_called_same), ("decoder", divide_rows)),
    ],
)
def test_a_graph_that_is_none_of_ours_is_left_to_onnxruntime(
    bundles: dict[str, Bundle],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    part: Part,
    change: Tamper,
) -> None:
    bundle, known = bundles["small int8"], compiled.library()
    assert known
    assert Program.of(known, bundle, part)

    with caplog.at_level("INFO", "onnxlate_serving"):
        assert Program.of(known, tampered(bundle, part, tmp_path, change), part) is None

    assert f"{part}.onnx is left to onnxruntime" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"heads": 4, "head_width": 4},
        {"head_width": 4},
        {"target_vocabulary": VOCABULARY - 1},
        {"decoder_layers": 1},
        {"decoder_layers": 3},
        {"width": 32, "head_width": 16},
    ],
)
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_model_that_is_not_what_it_is_said_to_be_is_left_to_onnxruntime(
    bundles: dict[str, Bundle], change: dict[str, int], precision: str
) -> None:
    bundle, known = bundles[f"small {precision}"], compiled.library()
    assert known
    model = bundle.manifest.model.model_copy(update=change)
    manifest = bundle.manifest.model_copy(update={"model": model})

    assert Program.of(known, Bundle(bundle.path, manifest), "decoder") is None


@pytest.mark.parametrize(
    ("tensor", "change"),
    [
        ("target_ids", {"name": "ids"}),
        ("past_keys_0", {"dtype": "float16"}),
        ("cross_keys_0", {"axes": ("rows", 2, "source", 8)}),
    ],
)
def test_inputs_that_are_not_as_programs_have_them_are_left_to_onnxruntime(
    bundles: dict[str, Bundle], tensor: str, change: dict[str, Any]
) -> None:
    bundle, known = bundles["small int8"], compiled.library()
    assert known
    inputs = tuple(
        each.model_copy(update=change if each.name == tensor else {})
        for each in bundle.manifest.decoder.inputs
    )
    decoder = bundle.manifest.decoder.model_copy(update={"inputs": inputs})
    manifest = bundle.manifest.model_copy(update={"decoder": decoder})

    assert Program.of(known, Bundle(bundle.path, manifest), "decoder") is None


@pytest.mark.parametrize(("ids", "length"), [([VOCABULARY], 1), ([-1], 1), ([5], 4096)])
def test_tokens_and_positions_that_are_not_there_are_refused(
    library: Library, bundles: dict[str, Bundle], ids: list[int], length: int
) -> None:
    bundle = bundles["small int8"]
    step = Step(bundle.manifest.model, 1, 1)
    step.ids = np.array(ids)
    step.target_lengths = np.array([length])

    with pytest.raises(IndexError, match="no such token"):
        step.run(program(library, bundle))


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The library is looked for anew, now and afterwards."""
    compiled.library.cache_clear()
    yield monkeypatch
    compiled.library.cache_clear()


def test_nothing_is_compiled_for_whoever_wants_none(
    bundles: dict[str, Bundle], anew: pytest.MonkeyPatch
) -> None:
    anew.setenv(compiled.PROCESSOR, "none")

    assert Sessions(bundles["small int8"], CPU).native is None


def test_a_processor_that_this_one_is_not_is_refused(
    bundles: dict[str, Bundle], anew: pytest.MonkeyPatch
) -> None:
    anew.setenv(compiled.PROCESSOR, "abacus")

    with pytest.raises(ConfigError, match="'abacus', and this processor is none"):
        Sessions(bundles["small int8"], CPU)


@pytest.mark.parametrize("kind", ["broken", "of another layout"])
def test_a_library_that_cannot_be_loaded_is_done_without(
    bundles: dict[str, Bundle],
    anew: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    broken = tmp_path / "_native.so"
    known = compiled.library()
    assert known
    whole = known.path.read_bytes()
    name = f"onnxlate_layout_{compiled.LAYOUT}".encode()
    assert name in whole
    older = whole.replace(name, name[:-1] + b"0")
    broken.write_bytes(b"no library" if kind == "broken" else older)
    compiled.library.cache_clear()
    spec = ModuleSpec("_native", None, origin=str(broken))
    anew.setattr("importlib.util.find_spec", lambda _: spec)

    assert Sessions(bundles["small int8"], CPU).native is None

    assert "it cannot be loaded" in caplog.text
