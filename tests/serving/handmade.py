"""A small model made by hand: random weights, real attention, the bundle's contract.

Two graphs in standard operators, so that serving is tested against the contract and
not against our exporter. The model says nothing sensible, but every answer depends on
every source token, and it ends most sentences by itself.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import sentencepiece
from onnx import TensorProto, helper, numpy_helper

from onnxlate.bundle import (
    MANIFEST_NAME,
    AlignmentInfo,
    AttentionHead,
    AttentionInfo,
    DecodeDefaults,
    GateReport,
    GraphInfo,
    Limits,
    Manifest,
    ModelInfo,
    Precision,
    SpecialIds,
    TensorInfo,
    file_info,
)

WIDTH, HEADS, HEAD_WIDTH, LAYERS = 16, 2, 8, 2
MAX_SOURCE, MAX_TARGET = 100, 80
ONNX_TYPES = {
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
}
NUMBERS = "one two three four five six seven eight nine ten eleven twelve"

FIRST_BYTE = 4
"""Id of the token for byte 0; the special ones come before."""

Axes = tuple[str | int, ...]
Floats = npt.NDArray[np.floating[Any]]


def write_bundle(
    path: Path,
    *,
    name: str = "handmade",
    version: str = "1",
    precision: Precision = "fp32",
    seed: int = 0,
    poison: str = "",
    aligned_by: AttentionHead | None = None,
    exact: bool = False,
) -> Path:
    """Writes a whole bundle into the new directory `path`.

    Texts with the ASCII character `poison`, if any is given, have the encoder look for
    a vector that there is none of, so that it fails, as a graph may that looks sound.

    With `aligned_by` it has an attention graph, in which the head DIAGONAL looks from
    each token to the one at its place in the source, and all others look everywhere;
    but HASHED, if it is the one, from each token to wherever its number says.
    An `exact` one reads every character as it is, white space too, and folds nothing.
    """
    path.mkdir(parents=True)
    vocabulary = _train_tokenizer(path / "joint.spm", exact)
    floats = "float16" if precision == "fp16" else "float32"
    rng = np.random.default_rng(seed)
    embedding = rng.normal(size=(vocabulary, WIDTH)).astype(np.float32)
    crossing = [_Weights(rng) for _ in range(LAYERS)]
    poisonous = FIRST_BYTE + ord(poison) if poison else None
    encoder = _encoder(embedding, crossing, floats, poisonous)
    decoder = _decoder(rng, embedding, crossing, floats)
    onnx.save(encoder, path / "encoder.onnx")
    onnx.save(decoder, path / "decoder.onnx")
    files = ["encoder.onnx", "decoder.onnx", "joint.spm"]
    attention = None
    if aligned_by:
        graph = _attention(floats, hashed=aligned_by == HASHED)
        onnx.save(graph, path / "attention.onnx")
        files.append("attention.onnx")
        attention = AttentionInfo(
            graph=_info("attention.onnx", graph),
            alignment=AlignmentInfo(
                heads=(aligned_by,), step="fed", copied_words=0, copied_linked=0
            ),
            max_difference=0.0,
            mean_difference=0.0,
        )
    manifest = Manifest(
        format=1,
        written_by="tests",
        name=name,
        version=version,
        source_language="en",
        target_language="xx",
        precision=precision,
        model=ModelInfo(
            width=WIDTH,
            heads=HEADS,
            head_width=HEAD_WIDTH,
            encoder_layers=1,
            decoder_layers=LAYERS,
            source_vocabulary=vocabulary,
            target_vocabulary=vocabulary,
            parameters=1,
        ),
        special_ids=SpecialIds(pad=0, unk=1, bos=2, eos=3),
        limits=Limits(max_source_tokens=MAX_SOURCE, max_target_tokens=MAX_TARGET),
        defaults=DecodeDefaults(
            beam_size=1, length_penalty=1.0, max_target_ratio=2.0, max_target_extra=10
        ),
        source_tokenizer="joint.spm",
        target_tokenizer="joint.spm",
        encoder=_info("encoder.onnx", encoder),
        decoder=_info("decoder.onnx", decoder),
        attention=attention,
        provenance={},
        gate=GateReport(
            sentences=1,
            text="none",
            greedy_equal=1,
            beam_size=1,
            beam_equal=1,
            max_logit_difference=0.0,
        ),
        files={each: file_info(path / each) for each in files},
    )
    text = json.dumps(manifest.model_dump(mode="json"))
    (path / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return path


def rewrite(bundle: Path, old: str, new: str) -> None:
    """Changes what the manifest says; it has no hash of itself."""
    manifest = bundle / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new), encoding="utf-8")


class _Weights:
    """Query, key, value and output matrices of one attention."""

    def __init__(self, rng: np.random.Generator) -> None:
        shape = (4, WIDTH, WIDTH)
        self.query, self.key, self.value, self.out = (
            rng.normal(size=shape) * 1.5 * WIDTH**-0.5
        ).astype(np.float32)


class _Graph:
    """Collects nodes; every method adds one operator and names its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        self._count += 1
        out = out or f"{kind.lower()}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def constant(self, value: object, dtype: str = "int64") -> str:
        name = f"constant_{len(self.constants)}"
        array = np.asarray(value, dtype=dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def matmul(self, x: str, weights: Floats) -> str:
        return self.op("MatMul", x, self.constant(weights, "float32"))

    def add(self, x: str, y: str) -> str:
        return self.op("Add", x, y)

    def cast(self, x: str, dtype: str, out: str = "") -> str:
        return self.op("Cast", x, to=ONNX_TYPES[dtype], out=out)

    def norm(self, x: str) -> str:
        scale = self.constant(np.ones(WIDTH), "float32")
        return self.op("LayerNormalization", x, scale, axis=-1)

    def split(self, x: str) -> str:
        """(B, Q, D) -> (B, H, Q, E)."""
        shape = self.constant([0, 0, HEADS, HEAD_WIDTH])
        return self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 1, 3])

    def attend(self, queries: str, memory: list[str], visible: str, out: Floats) -> str:
        """(B, H, Q, E), twice (B, H, K, E), (B, 1, 1, K) -> (B, Q, D)."""
        keys, values = memory
        turned = self.op("Transpose", keys, perm=[0, 1, 3, 2])
        scores = self.op("MatMul", queries, turned)
        lowest = self.constant(np.finfo(np.float32).min, "float32")
        scores = self.op("Where", visible, scores, lowest)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), values)
        joined = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        flat = self.op("Reshape", joined, self.constant([0, 0, WIDTH]))
        return self.matmul(flat, out)

    def model(
        self, inputs: dict[str, tuple[str, Axes]], outputs: dict[str, tuple[str, Axes]]
    ) -> onnx.ModelProto:
        def infos(
            tensors: dict[str, tuple[str, Axes]],
        ) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, ONNX_TYPES[dtype], axes)
                for name, (dtype, axes) in tensors.items()
            ]

        graph = helper.make_graph(
            self.nodes, "handmade", infos(inputs), infos(outputs), self.constants
        )
        opset = [helper.make_opsetid("", 21)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=10)
        onnx.checker.check_model(model)
        return model


def _positions(size: int) -> Floats:
    angle = np.arange(size)[:, None] * 100.0 ** (-np.arange(WIDTH // 2) / WIDTH * 2)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def _encoder(
    embedding: Floats, crossing: list[_Weights], floats: str, poisonous: int | None
) -> onnx.ModelProto:
    g = _Graph()
    ids = "source_ids"
    if poisonous is not None:
        found = g.op("Equal", ids, g.constant(poisonous))
        ids = g.op("Where", found, g.constant(len(embedding)), ids)
    words = g.op("Gather", g.constant(embedding, "float32"), ids)
    length = g.op("Shape", "source_ids", start=1, end=2)
    positions = g.op(
        "Slice",
        g.constant(_positions(MAX_SOURCE), "float32"),
        g.constant([0]),
        length,
    )
    x = g.norm(g.add(words, positions))
    visible = g.op("Unsqueeze", "source_visible", g.constant([1, 2]))
    weights = crossing[0]
    x = g.norm(
        g.add(
            x,
            g.attend(
                g.split(g.matmul(x, weights.out)),
                [g.split(g.matmul(x, weights.query)), g.split(x)],
                visible,
                weights.key,
            ),
        )
    )
    cross: Axes = ("sentences", HEADS, "source", HEAD_WIDTH)
    outputs: dict[str, tuple[str, Axes]] = {}
    for i, weights in enumerate(crossing):
        for kind, matrix in (("keys", weights.key), ("values", weights.value)):
            outputs[f"cross_{kind}_{i}"] = (floats, cross)
            g.cast(g.split(g.matmul(x, matrix)), floats, out=f"cross_{kind}_{i}")
    source: Axes = ("sentences", "source")
    inputs = {"source_ids": ("int64", source), "source_visible": ("bool", source)}
    return g.model(inputs, outputs)


def _decoder(
    rng: np.random.Generator,
    embedding: Floats,
    crossing: list[_Weights],
    floats: str,
) -> onnx.ModelProto:
    g = _Graph()
    newest = g.op("Sub", _count(g, "target_visible"), g.constant([1]))  # (R,)
    newest = g.op("Max", newest, g.constant([0]))
    positions = g.constant(_positions(MAX_TARGET), "float32")
    words = g.op("Gather", g.constant(embedding, "float32"), "target_ids")
    x = g.norm(g.add(words, g.op("Gather", positions, newest)))
    x = g.op("Unsqueeze", x, g.constant([1]))  # (R, 1, D)
    target_visible = g.op("Unsqueeze", "target_visible", g.constant([1, 2]))
    source_visible = g.op("Unsqueeze", "source_visible", g.constant([1, 2]))
    where = g.op("Reshape", newest, g.constant([-1, 1, 1, 1]))
    where = g.op("Expand", where, g.constant([1, HEADS, 1, HEAD_WIDTH]))

    past: Axes = ("rows", HEADS, "capacity", HEAD_WIDTH)
    cross: Axes = ("rows", HEADS, "source", HEAD_WIDTH)
    inputs: dict[str, tuple[str, Axes]] = {
        "target_ids": ("int64", ("rows",)),
        "target_visible": ("bool", ("rows", "capacity")),
        "source_visible": ("bool", ("rows", "source")),
    }
    outputs: dict[str, tuple[str, Axes]] = {
        "logits": ("float32", ("rows", len(embedding)))
    }
    for kind, axes in (("cross", cross), ("past", past)):
        for i in range(LAYERS):
            inputs[f"{kind}_keys_{i}"] = (floats, axes)
            inputs[f"{kind}_values_{i}"] = (floats, axes)
    for i, across in enumerate(crossing):
        own = _Weights(rng)
        present = []
        for kind, matrix in (("keys", own.key), ("values", own.value)):
            new = g.cast(g.split(g.matmul(x, matrix)), floats)  # (R, H, 1, E)
            name = f"present_{kind}_{i}"
            outputs[name] = (floats, past)
            g.op(
                "ScatterElements",
                f"past_{kind}_{i}",
                where,
                new,
                axis=2,
                out=name,
            )
            present.append(g.cast(name, "float32"))
        queries = g.split(g.matmul(x, own.query))
        x = g.norm(g.add(x, g.attend(queries, present, target_visible, own.out)))
        memory = [g.cast(f"cross_{kind}_{i}", "float32") for kind in ("keys", "values")]
        queries = g.split(g.matmul(x, across.query))
        x = g.norm(g.add(x, g.attend(queries, memory, source_visible, across.out)))
    x = g.op("Squeeze", x, g.constant([1]))
    said = g.matmul(x, embedding.T)
    # The longer the target beside its source, the likelier its end.
    age = g.op("Sub", newest, _count(g, "source_visible"))
    age = g.op("Unsqueeze", g.cast(age, "float32"), g.constant([1]))
    end = g.constant(np.eye(len(embedding))[[3]] * 3, "float32")
    g.op("Add", said, g.op("Mul", age, end), out="logits")
    return g.model(inputs, outputs)


DIAGONAL = AttentionHead(layer=1, head=0)
HASHED = AttentionHead(layer=0, head=1)


def _attention(floats: str, hashed: bool) -> onnx.ModelProto:
    g = _Graph()
    size = g.op("Shape", "source_visible", start=1, end=2)
    length = g.op("Shape", "target_ids", start=1, end=2)
    zero, one = g.constant(0), g.constant(1)
    ends_at, last = (g.op("Squeeze", each) for each in (size, length))
    columns, rows = (g.op("Range", zero, end, one) for end in (ends_at, last))
    # Row i is fed token i - 1, the beginning not counted.
    rows = g.op("Unsqueeze", g.op("Sub", rows, one), g.constant([1]))
    diagonal = g.cast(g.op("Equal", rows, columns), "float32")  # (T, S)
    shape = g.op("Concat", length, size, axis=0)
    share = g.op("Div", g.constant(1.0, "float32"), g.cast(size, "float32"))
    everywhere = g.op("Expand", share, shape)
    by_head = {DIAGONAL: diagonal}
    if hashed:
        fed = g.op("Squeeze", "target_ids", g.constant([0]))
        place = g.op("Unsqueeze", g.op("Mod", fed, ends_at), g.constant([1]))
        by_head[HASHED] = g.cast(g.op("Equal", place, columns), "float32")
    looks = [
        by_head.get(AttentionHead(layer=layer, head=head), everywhere)
        for layer in range(LAYERS)
        for head in range(HEADS)
    ]
    each = g.constant([1, LAYERS, HEADS])
    stacked = g.op("Concat", *looks, axis=0)
    whole = g.op("Concat", each, shape, axis=0)
    g.op("Reshape", stacked, whole, out="attention")
    cross: Axes = ("sentences", HEADS, "source", HEAD_WIDTH)
    inputs: dict[str, tuple[str, Axes]] = {
        "target_ids": ("int64", ("sentences", "target")),
        "target_visible": ("bool", ("sentences", "target", "target")),
        "source_visible": ("bool", ("sentences", "source")),
        **{
            f"cross_{kind}_{i}": (floats, cross)
            for i in range(LAYERS)
            for kind in ("keys", "values")
        },
    }
    outputs: Axes = ("sentences", LAYERS, HEADS, "target", "source")
    return g.model(inputs, {"attention": ("float32", outputs)})


def _count(g: _Graph, visible: str) -> str:
    numbers = g.cast(visible, "int64")
    return g.op("ReduceSum", numbers, g.constant([1]), keepdims=0)


def _info(file: str, model: onnx.ModelProto) -> GraphInfo:
    names = {int(number): name for name, number in ONNX_TYPES.items()}

    def tensor(value: onnx.ValueInfoProto) -> TensorInfo:
        axes = [
            axis.dim_param or axis.dim_value
            for axis in value.type.tensor_type.shape.dim
        ]
        dtype = names[value.type.tensor_type.elem_type]
        return TensorInfo.model_validate(
            {"name": value.name, "dtype": dtype, "axes": axes}
        )

    return GraphInfo(
        file=file,
        inputs=tuple(tensor(each) for each in model.graph.input),
        outputs=tuple(tensor(each) for each in model.graph.output),
    )


def _train_tokenizer(path: Path, exact: bool) -> int:
    """A SentencePiece model over number words and their bytes; its size."""
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(NUMBERS.split(), size=6)) for _ in range(500)]
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=file,
            vocab_size=340,
            byte_fallback=True,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            minloglevel=2,
            hard_vocab_limit=False,
            normalization_rule_name="identity" if exact else "nmt_nfkc",
            remove_extra_whitespaces=not exact,
            add_dummy_prefix=not exact,
        )
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return int(model.vocab_size())
