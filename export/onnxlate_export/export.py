"""From a trained model to a bundle on disk, the gate in between."""

import contextlib
import copy
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import onnx
import onnxruntime
import torch
from onnx.external_data_helper import set_external_data

from onnxlate import __version__
from onnxlate.bundle import (
    FORMAT,
    MANIFEST_NAME,
    AlignmentInfo,
    AttentionInfo,
    Bundle,
    GateReport,
    GraphInfo,
    Manifest,
    ModelInfo,
    Precision,
    SpecialIds,
    TensorInfo,
    file_info,
    read_manifest,
)
from onnxlate.errors import BundleError, ConfigError, ExportError
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from onnxlate_training.checkpoint import LoadedModel

from . import across, fused, graphs
from .aligning import look
from .attention_gate import AttentionSessions, Seen
from .gate import (
    MAX_SENTENCES,
    Progress,
    Sample,
    Verdict,
    draw_sample,
    limits_of,
    pass_gate,
)
from .outside_gate import Judge, Outside, outside_gate
from .products import FloatProducts, Int8Products, Products
from .ranges import calibration, measure_ranges
from .sharing import share_weights
from .stepper import OrtStepper, open_session

ENCODER, DECODER, ATTENTION = "encoder.onnx", "decoder.onnx", "attention.onnx"
CARD = "README.md"
GENERATOR, GENERATOR_BIAS = "generator.float32", "generator_bias.float32"


def export_bundle(
    loaded: LoadedModel,
    path: Path,
    precision: Precision = "fp32",
    version: str = "1",
    on_progress: Progress = lambda what, done, total: None,
    max_sentences: int = MAX_SENTENCES,
    card: Path | None = None,
    outside: Outside | None = None,
    standard: bool = False,
) -> Bundle:
    """Writes the bundle, all of it or nothing, and opens it.

    `card` is a text about the model that goes with it; `outside` is the program that
    the model comes from, and what it is then compared with; `standard` graphs have no
    operators of onnxruntime's own, which those of fp16 never have. A bundle that is
    there already is replaced. Raises ExportError if something else is, if the gate
    refuses, or if the disk does; ConfigError if there is no card, or a version that
    nobody could ask for.
    """
    require_free(path)
    _require_sayable(version)
    if standard and precision == "int8":
        raise ConfigError("graphs of standard operators are fp32 or fp16, not int8")
    standard = standard or precision == "fp16"
    about = read_card(card)
    sample = draw_sample(loaded, precision, max_sentences)
    with _gate(loaded, outside, sample, on_progress) as judged:
        built = build_graphs(loaded, precision, sample, on_progress, standard)
        content = {name: graph.SerializeToString() for name, graph in built.items()}
        # Beside each other batches have a share of the cores each; alone, all.
        threads = torch.get_num_threads() if outside else 0
        stepper = OrtStepper(content[ENCODER], content[DECODER], threads)
        verdict = judged(stepper, precision)
    sessions = AttentionSessions(
        *(open_session(content[each], threads=0) for each in (ENCODER, ATTENTION))
    )
    looked = look(loaded, sessions, precision, sample, verdict, on_progress)
    rough = precision == "fp32" and not standard
    content = _shared(loaded, built, with_generator=rough)
    with new_folder(path) as folder:
        for name, data in content.items():
            (folder / name).write_bytes(data)
        for tokenizer in {loaded.source_tokenizer, loaded.target_tokenizer}:
            shutil.copyfile(tokenizer, folder / tokenizer.name)
        if about is not None:
            (folder / CARD).write_bytes(about)
        reports = verdict.report, *looked
        manifest = _manifest(loaded, built, reports, precision, version, folder)
        (folder / MANIFEST_NAME).write_text(manifest.text(), encoding="utf-8")
    return Bundle.open(path)


def _require_sayable(version: str) -> None:
    """A model is asked for as NAME@VERSION, in addresses of pages too."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", version):
        raise ConfigError(
            f"--version {version!r} must be letters, digits and . _ + -, and begin "
            "with one of the first two, as 1.2"
        )


def _gate(
    loaded: LoadedModel, outside: Outside | None, sample: Sample, tell: Progress
) -> AbstractContextManager[Judge]:
    if outside:
        return outside_gate(loaded, outside, sample, tell)

    def judged(onnx: OrtStepper, precision: Precision) -> Verdict:
        return pass_gate(loaded, onnx, precision, sample, tell)

    return nullcontext(judged)


def read_card(path: Path | None) -> bytes | None:
    """Raises ConfigError if it cannot be read."""
    try:
        return path.read_bytes() if path else None
    except OSError as cause:
        raise ConfigError(
            f"the card {path} cannot be read: {cause.strerror}"
        ) from cause


def build_graphs(
    loaded: LoadedModel,
    precision: Precision,
    sample: Sample,
    on_progress: Progress,
    standard: bool = False,
) -> dict[str, onnx.ModelProto]:
    """encoder.onnx, decoder.onnx and attention.onnx in the given precision.

    fp16 is for GPUs and, like `standard` graphs, keeps to standard operators; the
    others are for CPUs, and use what onnxruntime has there.
    """
    on_progress("writing the graphs", 0, 3)
    if standard or precision == "fp16":
        model = loaded.model
        if precision == "fp16":
            model = copy.deepcopy(model).half()
        built = {ENCODER: graphs.encoder_graph(model)}
        on_progress("writing the graphs", 1, 3)
        built[DECODER] = graphs.decoder_graph(model)
        on_progress("writing the graphs", 2, 3)
        built[ATTENTION] = across.standard_attention_graph(model)
    else:
        products = _products(loaded, precision, sample)
        built = {
            ENCODER: fused.encoder_graph(loaded.model, products),
            DECODER: fused.decoder_graph(loaded.model, products),
            ATTENTION: across.attention_graph(loaded.model, products),
        }
    on_progress("writing the graphs", 3, 3)
    return built


def _shared(
    loaded: LoadedModel, built: dict[str, onnx.ModelProto], with_generator: bool
) -> dict[str, bytes]:
    """The files of the graphs, with what they have in common in one of them."""
    content: dict[str, bytes] = {}
    if with_generator:
        generator = loaded.model.generator
        content[GENERATOR] = move_out(generator.weight, built, GENERATOR)
        if generator.bias is not None:
            content[GENERATOR_BIAS] = generator.bias.numpy().tobytes()
    for name in (ENCODER, DECODER):
        content[name] = built[name].SerializeToString()
    share_weights(built[ATTENTION], content)
    content[ATTENTION] = built[ATTENTION].SerializeToString()
    return content


def move_out(
    weight: torch.Tensor, built: dict[str, onnx.ModelProto], file: str
) -> bytes:
    """Leaves in the graphs only where a weight is; what it is goes into one file.

    The embedding is large and in both graphs, and onnxruntime reads of a file only
    the pages that it needs. In the graphs it is called like the file, and nothing else
    is: a server says by that name where it is.
    """
    content = weight.detach().numpy().tobytes()
    for graph in (each.graph for each in built.values()):
        for each in graph.initializer:
            if each.raw_data == content:
                set_external_data(each, file, offset=0, length=len(content))
                each.ClearField("raw_data")
                _rename(graph, each.name, file)
                each.name = file
    return content


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Where a value goes in, branches included."""
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == old:
                node.input[at] = new
        for attribute in node.attribute:
            _rename(attribute.g, old, new)


def _products(loaded: LoadedModel, precision: Precision, sample: Sample) -> Products:
    if precision == "fp32":
        return FloatProducts()
    return Int8Products(measure_ranges(loaded.model, *calibration(loaded, sample)))


def graph_info(file: str, graph: onnx.ModelProto) -> GraphInfo:
    """What the graph says of itself, for the manifest; inputs that must be fed."""
    optional = {each.name for each in graph.graph.initializer}
    return GraphInfo(
        file=file,
        inputs=tuple(
            _tensor_info(each)
            for each in graph.graph.input
            if each.name not in optional
        ),
        outputs=tuple(_tensor_info(each) for each in graph.graph.output),
    )


_DTYPES: dict[int, str] = {
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
}


def _tensor_info(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    return TensorInfo.model_validate(
        {
            "name": value.name,
            "dtype": _DTYPES[tensor.elem_type],
            "axes": tuple(
                each.dim_param or each.dim_value for each in tensor.shape.dim
            ),
        }
    )


def _manifest(
    loaded: LoadedModel,
    built: dict[str, onnx.ModelProto],
    reports: tuple[GateReport, Seen, AlignmentInfo],
    precision: Precision,
    version: str,
    folder: Path,
) -> Manifest:
    model, config = loaded.model, loaded.model.config
    gate, seen, alignment = reports
    return Manifest(
        format=FORMAT,
        written_by=f"onnxlate {__version__}",
        name=loaded.name,
        version=version,
        source_language=loaded.source_language,
        target_language=loaded.target_language,
        precision=precision,
        operators="onnxruntime" if _is_special(built[DECODER]) else "standard",
        model=ModelInfo(
            width=config.width,
            heads=config.heads,
            head_width=config.width // config.heads,
            encoder_layers=config.encoder_layers,
            decoder_layers=config.decoder_layers,
            source_vocabulary=len(model.source_embedding.weight),
            target_vocabulary=len(model.generator.weight),
            parameters=model.num_parameters(),
        ),
        special_ids=SpecialIds(pad=PAD_ID, unk=UNK_ID, bos=BOS_ID, eos=EOS_ID),
        limits=limits_of(loaded),
        defaults=loaded.defaults,
        source_tokenizer=loaded.source_tokenizer.name,
        target_tokenizer=loaded.target_tokenizer.name,
        encoder=graph_info(ENCODER, built[ENCODER]),
        decoder=graph_info(DECODER, built[DECODER]),
        generator=_if_there(folder, GENERATOR),
        generator_bias=_if_there(folder, GENERATOR_BIAS),
        source_prefix=loaded.source_prefix,
        target_prefix=loaded.target_prefix,
        provenance=loaded.provenance
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        attention=AttentionInfo(
            graph=graph_info(ATTENTION, built[ATTENTION]),
            alignment=alignment,
            max_difference=seen.max_difference,
            mean_difference=seen.mean_difference,
        ),
        gate=gate,
        files={each.name: file_info(each) for each in sorted(folder.iterdir())},
    )


def _if_there(folder: Path, name: str) -> str | None:
    return name if (folder / name).exists() else None


def _is_special(graph: onnx.ModelProto) -> bool:
    """Whether it has operators that the standard does not."""
    return any(node.domain for node in graph.graph.node)


def require_name(path: Path) -> None:
    """Raises ExportError for what is no name of a new folder."""
    if path.name in ("", ".."):
        raise ExportError(f"--output {path} names no new folder; give it a name")


def require_free(path: Path) -> None:
    """Raises ExportError if something other than a bundle is in the way, or if no
    folder can be made there; both are better known before the gate than after."""
    require_name(path)
    above = next(each for each in path.absolute().parents if each.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise ExportError(
            f"{path} cannot be written: {above} is no folder that may be written"
        )
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.is_symlink() or path.exists():
        try:
            read_manifest(path)
        except BundleError as cause:
            raise ExportError(
                f"{path} exists and is not a bundle this version reads, so it is not "
                "overwritten; choose another --output or move it away"
            ) from cause


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` at the end, or never does."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        if path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
    except OSError as cause:
        raise ExportError(f"{path} cannot be written: {cause.strerror}") from cause
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.is_symlink():  # to a bundle, which stays
            old.unlink()
        shutil.rmtree(old, ignore_errors=True)
