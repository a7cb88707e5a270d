"""The two graphs, written for onnxruntime on a CPU.

docs/bundle.md describes what goes in and comes out. Inside stand onnxruntime's own
operators where they save the most: a whole attention is one of them, and keys and
values go straight into the caches. The same computation in standard operators is
graphs.py; the gate holds both to PyTorch.

Axes: B sentences, R rows, k = R / B rows of each sentence (its beam), S source
positions, C capacity of the caches, D model width, H heads, E = D / H. Everything
between two attentions is flat: (rows or positions, D).
"""

import numpy as np
import onnx
import torch
from torch import nn

from onnxlate.errors import ExportError
from onnxlate_training.model import (
    HEAD_STEP,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    MultiHeadAttention,
    Residual,
    Transformer,
)

from .products import Dense, Floats, Point, Products
from .scores import reach, write_scores
from .writer import BOOL, CONTRIB, FLOAT, INT32, INT64, GraphWriter

LOWEST = float(np.finfo(np.float32).min)


def encoder_graph(model: Transformer, products: Products) -> onnx.ModelProto:
    """encoder.onnx of a model in evaluation mode."""
    return _EncoderWriter(model, products).write()


def decoder_graph(model: Transformer, products: Products) -> onnx.ModelProto:
    """decoder.onnx of a model in evaluation mode.

    Raises ExportError for heads that onnxruntime's attention does not take.
    """
    width = model.config.width // model.config.heads
    if width % HEAD_STEP:
        raise ExportError(
            f"the model's heads are {width} wide (model.width over model.heads); "
            f"onnxruntime's attention on a CPU takes multiples of {HEAD_STEP}: export "
            "with --precision fp16 for a GPU, or train another one"
        )
    return _DecoderWriter(model, products).write()


class Stream:
    """The residual stream: what sub-layers read normalised, and add to.

    Pre-norm keeps a sum and normalises it for every reader; post-norm replaces the
    sum by its normalised self.
    """

    def __init__(self, writer: "Writer", x: str, pre: bool) -> None:
        self._writer = writer
        self._sum = x
        self._added: str | None = None  # to the sum, when somebody reads next
        self._pre = pre

    def read(self, norm: nn.LayerNorm, name: str, point: Point) -> str:
        """The operand of the sub-layer behind this pre-norm; of post-norm, the sum."""
        if self._pre:
            return self._writer.operand(
                self._normalised(norm, name, point.factors), point
            )
        return self._writer.divided_operand(self._sum, point)

    def add(self, x: str, norm: nn.LayerNorm, name: str) -> None:
        """What a sub-layer made; its post-norm, if there is one, comes after."""
        self._added = x
        if not self._pre:
            self._sum = self._normalised(norm, name)

    def end(self, norm: nn.LayerNorm | None, name: str, point: Point) -> str:
        """The operand that leaves a stack of layers."""
        if norm is None:
            return self._writer.divided_operand(self._sum, point)
        return self._writer.operand(self._normalised(norm, name, point.factors), point)

    def _normalised(
        self, norm: nn.LayerNorm, name: str, factors: Floats | float = 1.0
    ) -> str:
        writer, factors = self._writer, np.asarray(factors, np.float32)
        suffix = f"/{name}" if factors.ndim else ""
        gain = writer.array(f"{name}.weight{suffix}", norm.weight, factors)
        bias = writer.array(f"{name}.bias{suffix}", norm.bias, factors)
        graph = writer.graph
        if self._added is not None:
            # Not SkipLayerNormalization: on a CPU it takes twice as long as these two.
            self._sum = graph.node("Add", self._sum, self._added, place=name)
            self._added = None
        return graph.node(
            "LayerNormalization",
            *(self._sum, gain, bias),
            place=name,
            axis=-1,
            epsilon=norm.eps,
        )


class Writer:
    """What encoder and decoder have in common."""

    def __init__(self, model: Transformer, products: Products) -> None:
        self.graph = GraphWriter()
        self._model = model
        self._products = products
        self._width = model.config.width
        self._heads = model.config.heads
        self._pre = model.config.norm == "pre"

    def array(
        self, name: str, parameter: torch.Tensor, factors: Floats | float = 1.0
    ) -> str:
        array = parameter.detach().numpy() / np.asarray(factors, np.float32)
        return self.graph.weight(name, array)

    def operand(self, x: str, point: Point) -> str:
        return self._products.operand(self.graph, x, point)

    def divided_operand(self, x: str, point: Point) -> str:
        """For what nobody could divide by the factors while making it."""
        if not (point.factors == 1).all():
            inverse = self.graph.weight(f"{point.name}.inverse", 1 / point.factors)
            x = self.graph.node("Mul", x, inverse, place=point.name)
        return self.operand(x, point)

    def product(self, operand: str, point: Point, dense: Dense) -> str:
        return self._products.product(self.graph, operand, point, dense)

    def point(self, name: str, *users: Dense, positive: bool = False) -> Point:
        return self._products.point(name, *users, positive=positive)

    def embedded(self, ids: str, table: Dense, point: Point | None = None) -> str:
        """Of a table that is for looking up alone, or a product's at `point`."""
        plain = Point(table.name, np.ones(self._width, np.float32))
        return self._products.lookup(self.graph, ids, table, point or plain)

    def stacked(self, name: str, attention: MultiHeadAttention) -> tuple[Dense, Point]:
        """Query, key and value of one input as one product, and where that enters.

        The values are divided already by what the last map wants them to be: to mix
        them is to average each channel, which keeps the factor.
        """
        out = Dense.of(f"{name}.out", attention.out)
        value = Dense.of("value", attention.value)
        parts = (
            Dense.of("query", attention.query),
            Dense.of("key", attention.key),
            value.divided(self.point(out.name, out).factors),
        )
        stacked = _stacked(f"{name}.query_key_value", *parts)
        return stacked, self.point(f"{name}.query", stacked)

    def put_out(
        self, stream: Stream, mixed: str, out: Dense, norm: nn.LayerNorm, name: str
    ) -> None:
        """What attention mixed, through its last map and onto the stream."""
        there = self.point(out.name, out)
        flat = self.shaped(mixed, -1, self._width, place=out.name)
        x = self.product(self.operand(flat, there), there, out)
        stream.add(x, norm, name)

    def feed_forward(
        self,
        stream: Stream,
        name: str,
        layer: FeedForward,
        fed: Residual,
        fed_name: str,
    ) -> None:
        inner = Dense.of(f"{name}.inner", layer.inner)
        outer = Dense.of(f"{name}.outer", layer.outer)
        relu = self._model.config.activation == "relu"
        here = self.point(inner.name, inner)
        then = self.point(outer.name, outer, positive=relu)
        x = stream.read(fed.norm, f"{fed_name}.norm", here)
        if relu:
            hidden = self._products.rectified(self.graph, x, here, inner, then)
        else:
            hidden = self.divided_operand(
                self._activated(self.product(x, here, inner), name), then
            )
        stream.add(self.product(hidden, then, outer), fed.norm, f"{fed_name}.norm")

    def _activated(self, x: str, name: str) -> str:
        if self._model.config.activation == "gelu":
            return self.graph.node("Gelu", x, place=name)
        gate = self.graph.node("Sigmoid", x, place=name)
        return self.graph.node("Mul", x, gate, place=name)

    def shaped(self, x: str, *shape: int, place: str = "") -> str:
        return self.graph.node("Reshape", x, self.graph.ints(*shape), place=place)


class _EncoderWriter(Writer):
    def write(self) -> onnx.ModelProto:
        graph, model, width = self.graph, self._model, self._width
        ids = graph.input("source_ids", INT64, ["sentences", "source"])
        seen = graph.input("source_visible", BOOL, ["sentences", "source"])
        self._visible = graph.node("Cast", seen, to=INT32)  # (B, S)
        shape = graph.node("Shape", ids)
        self._flat_shape = graph.node(
            "Concat", shape, graph.ints(width), axis=0
        )  # (B, S, D)
        self._head_shape = graph.node(
            "Concat", shape, graph.ints(self._heads, width // self._heads), axis=0
        )

        stream = Stream(self, self._start(ids), self._pre)
        for at, layer in enumerate(model.encoder.stack):
            self._layer(stream, f"encoder.layers.{at}", layer)
        self._cross(stream)
        return graph.model()

    def _start(self, ids: str) -> str:
        graph = self.graph
        table = Dense.table("source_embedding", self._model.source_embedding.weight)
        words = self.embedded(ids, table)  # (B, S, D)
        positions = self.array("positions", self._model.positions)
        size = graph.node("Shape", ids, start=1, end=2)
        first = graph.node("Slice", positions, graph.ints(0), size, graph.ints(0))
        return self.shaped(graph.node("Add", words, first), -1, self._width)  # (BS, D)

    def _layer(self, stream: Stream, name: str, layer: EncoderLayer) -> None:
        graph, norm = self.graph, f"{name}.attended.norm"
        maps, here = self.stacked(f"{name}.attention", layer.attention)
        x = stream.read(layer.attended.norm, norm, here)
        parts = [f"{name}.attention/{part}" for part in ("query", "key", "value")]
        graph.node(
            "Split",
            self.product(x, here, maps),
            place=name,
            results=parts,
            axis=1,
            num_outputs=3,
        )
        mixed = graph.node(
            "MultiHeadAttention",
            *(
                graph.node("Reshape", part, self._flat_shape, place=part)
                for part in parts
            ),
            *("", self._visible),
            place=f"{name}.attention",
            domain=CONTRIB,
            num_heads=self._heads,
            mask_filter_value=LOWEST,
        )  # (B, S, D)
        out = Dense.of(f"{name}.attention.out", layer.attention.out)
        self.put_out(stream, mixed, out, layer.attended.norm, norm)
        self.feed_forward(
            stream, f"{name}.feed_forward", layer.feed_forward, layer.fed, f"{name}.fed"
        )

    def _cross(self, stream: Stream) -> None:
        """Keys and values for each decoder layer, as `cross_keys_0` and so on."""
        pairs = [
            _cross_keys_values(self, at, layer)
            for at, layer in enumerate(self._model.decoder.stack)
        ]
        here = self.point(
            "decoder.layers.0.cross_attention.key",
            *(each for pair in pairs for each in pair),
        )
        memory = stream.end(self._model.encoder.norm, "encoder.norm", here)
        for at, pair in enumerate(pairs):
            for kind, dense in zip(("keys", "values"), pair, strict=True):
                x = self.product(memory, here, dense)  # (BS, D)
                x = self.graph.node("Reshape", x, self._head_shape, place=dense.name)
                name = f"cross_{kind}_{at}"
                self.graph.node(
                    "Transpose", x, place=dense.name, results=name, perm=[0, 2, 1, 3]
                )
                self.graph.output(
                    name,
                    FLOAT,
                    ["sentences", self._heads, "source", self._width // self._heads],
                )


class _DecoderWriter(Writer):
    def write(self) -> onnx.ModelProto:
        graph, model = self.graph, self._model
        ids = graph.input("target_ids", INT64, ["rows"])
        written = graph.input("target_visible", BOOL, ["rows", "capacity"])
        seen = graph.input("source_visible", BOOL, ["sentences", "source"])
        for name in _layered(model, "cross"):
            graph.input(name, FLOAT, self._cache_axes("sentences", "source"))
        for name in _layered(model, "past"):
            graph.input(name, FLOAT, self._cache_axes("rows", "capacity"))
        graph.output("logits", FLOAT, ["rows", len(model.generator.weight)])
        for name in _layered(model, "present"):
            graph.output(name, FLOAT, self._cache_axes("rows", "capacity"))

        self._visible = graph.node("Cast", seen, to=INT32)  # (B, S)
        count = graph.node("Cast", written, to=INT32)
        count = graph.node("ReduceSum", count, graph.ints(1), keepdims=0)
        # The newest position of each row is its last visible one. An empty row has
        # none; anywhere will do.
        one, none = (graph.weight(f"int32/{n}", np.int32(n)) for n in (1, 0))
        self._position = graph.node("Max", graph.node("Sub", count, one), none)  # (R,)
        sentences = graph.node("Shape", "cross_keys_0", end=1)
        self._beam_shape = graph.node(
            "Concat", sentences, graph.ints(-1, self._width), axis=0
        )

        generator = Dense.scores(table_name(model), model.generator)
        last = self.point("generator", generator)
        stream = Stream(self, self._start(ids, generator, last), self._pre)
        for at, layer in enumerate(model.decoder.stack):
            self._layer(stream, at, layer)
        x = stream.end(model.decoder.norm, "decoder.norm", last)
        if self._products.exact:
            norm = model.decoder.norm or model.decoder.stack[-1].fed.norm
            write_scores(graph, x, generator, reach(norm))
        else:
            graph.node("Identity", self.product(x, last, generator), results="logits")
        return graph.model()

    def _start(self, ids: str, generator: Dense, last: Point) -> str:
        if self._model.config.tying == "none":
            weight = self._model.target_embedding.weight
            words = self.embedded(ids, Dense.table("target_embedding", weight))
        else:
            words = self.embedded(ids, generator, last)
        positions = self.array("positions", self._model.positions)
        place = self.graph.node("Gather", positions, self._position)
        return self.graph.node("Add", words, place)

    def _layer(self, stream: Stream, at: int, layer: DecoderLayer) -> None:
        name = f"decoder.layers.{at}"
        self._look_back(stream, at, layer.self_attention, layer.looked_back, name)
        self._look_across(stream, at, layer, name)
        self.feed_forward(
            stream, f"{name}.feed_forward", layer.feed_forward, layer.fed, f"{name}.fed"
        )

    def _look_back(
        self,
        stream: Stream,
        at: int,
        attention: MultiHeadAttention,
        residual: Residual,
        name: str,
    ) -> None:
        graph, norm = self.graph, f"{name}.looked_back.norm"
        maps, here = self.stacked(f"{name}.self_attention", attention)
        x = self.product(stream.read(residual.norm, norm, here), here, maps)
        mixed = f"{name}.self_attention/mixed"
        one_position = self.shaped(x, -1, 1, 3 * self._width, place=name)
        graph.node(
            "GroupQueryAttention",
            one_position,
            *("", "", f"past_keys_{at}", f"past_values_{at}"),
            *(self._position, graph.weight("int32/2", np.int32(2))),
            place=f"{name}.self_attention",
            domain=CONTRIB,
            results=[mixed, f"present_keys_{at}", f"present_values_{at}"],
            num_heads=self._heads,
            kv_num_heads=self._heads,
        )
        out = Dense.of(f"{name}.self_attention.out", attention.out)
        self.put_out(stream, mixed, out, residual.norm, norm)

    def _look_across(
        self, stream: Stream, at: int, layer: DecoderLayer, name: str
    ) -> None:
        graph, norm = self.graph, f"{name}.looked_across.norm"
        attention = layer.cross_attention
        query = Dense.of(f"{name}.cross_attention.query", attention.query)
        here = self.point(query.name, query)
        x = self.product(stream.read(layer.looked_across.norm, norm, here), here, query)
        mixed = graph.node(
            "MultiHeadAttention",
            graph.node("Reshape", x, self._beam_shape, place=name),  # (B, k, D)
            *(f"cross_keys_{at}", f"cross_values_{at}", "", self._visible),
            place=f"{name}.cross_attention",
            domain=CONTRIB,
            num_heads=self._heads,
            mask_filter_value=LOWEST,
        )
        out = Dense.of(f"{name}.cross_attention.out", attention.out)
        self.put_out(stream, mixed, out, layer.looked_across.norm, norm)

    def _cache_axes(self, rows: str, length: str) -> list[str | int]:
        return [rows, self._heads, length, self._width // self._heads]


def _cross_keys_values(
    writer: Writer, at: int, layer: DecoderLayer
) -> tuple[Dense, Dense]:
    """The values are divided already by what the decoder's product wants them to be."""
    name = f"decoder.layers.{at}.cross_attention"
    out = Dense.of(f"{name}.out", layer.cross_attention.out)
    key = Dense.of(f"{name}.key", layer.cross_attention.key)
    value = Dense.of(f"{name}.value", layer.cross_attention.value)
    return key, value.divided(writer.point(out.name, out).factors)


def _stacked(name: str, *parts: Dense) -> Dense:
    weight = np.concatenate([each.weight for each in parts])
    bias = np.concatenate([each.bias for each in parts if each.bias is not None])
    return Dense(name, weight, bias)


def table_name(model: Transformer) -> str:
    return "generator" if model.config.tying == "none" else "target_embedding"


def _layered(model: Transformer, kind: str) -> list[str]:
    """cross_keys_0, cross_values_0, cross_keys_1, and so on."""
    layers = range(model.config.decoder_layers)
    return [f"{kind}_{part}_{i}" for i in layers for part in ("keys", "values")]
