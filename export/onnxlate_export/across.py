"""attention.onnx: where each token of a finished translation looked.

Decoding's own graphs keep that to themselves: whole attentions are one operator there.
This one reads the translation at once, as training does, from what encoder.onnx gives,
and stops where the last layer has looked. Its weights are the decoder's, to the byte;
sharing.py leaves them where they are.

Axes: B sentences, T target positions, S source positions, L decoder layers, D model
width, H heads, E = D / H.
"""

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from onnxlate_training.model import (
    DecoderLayer,
    Transformer,
    attention_weights,
)

from .fused import LOWEST, Stream, Writer, table_name
from .graphs import export_module, layered
from .products import Dense, Products
from .writer import BOOL, FLOAT, INT64

NAME = "attention"
CAUSAL = "target_visible"


def attention_graph(model: Transformer, products: Products) -> onnx.ModelProto:
    """For CPUs, of a model in evaluation mode."""
    return _AttentionWriter(model, products).write()


class _AttentionWriter(Writer):
    def write(self) -> onnx.ModelProto:
        graph, model = self.graph, self._model
        ids = graph.input("target_ids", INT64, ["sentences", "target"])
        past = graph.input(CAUSAL, BOOL, ["sentences", "target", "target"])
        seen = graph.input("source_visible", BOOL, ["sentences", "source"])
        cross_axes = self._heads, "source", self._width // self._heads
        for name in layered(model, "cross"):
            graph.input(name, FLOAT, ["sentences", *cross_axes])
        self._past = graph.node("Unsqueeze", past, graph.ints(1))  # (B, 1, T, T)
        self._seen = graph.node("Unsqueeze", seen, graph.ints(1, 2))  # (B, 1, 1, S)
        shape = graph.node("Shape", ids)
        self._parts_shape = graph.node(
            "Concat",
            *(shape, graph.ints(3, self._heads, self._width // self._heads)),
            axis=0,
        )  # (B, T, 3, H, E)
        self._heads_shape = graph.node(
            "Concat", shape, graph.ints(self._heads, self._width // self._heads), axis=0
        )  # (B, T, H, E)

        stream = Stream(self, self._start(ids), self._pre)
        looks = []
        for at, layer in enumerate(model.decoder.stack):
            name = f"decoder.layers.{at}"
            self._look_back(stream, layer, name)
            look = self._look_across(stream, layer, name)
            looks.append(graph.node("Unsqueeze", look, graph.ints(1), place=name))
            if layer is not model.decoder.stack[-1]:
                self._go_on(stream, look, at, layer, name)
        graph.node("Concat", *looks, results=NAME, axis=1)
        axes = len(looks), self._heads, "target", "source"
        graph.output(NAME, FLOAT, ["sentences", *axes])
        return graph.model()

    def _start(self, ids: str) -> str:
        graph, model = self.graph, self._model
        generator = Dense.table(table_name(model), model.generator.weight)
        point = self.point("generator", generator)
        if model.config.tying == "none":
            weight = model.target_embedding.weight
            words = self.embedded(ids, Dense.table("target_embedding", weight))
        else:
            words = self.embedded(ids, generator, point)  # (B, T, D)
        positions = self.array("positions", model.positions)
        size = graph.node("Shape", ids, start=1, end=2)
        first = graph.node("Slice", positions, graph.ints(0), size, graph.ints(0))
        return self.shaped(graph.node("Add", words, first), -1, self._width)  # (BT, D)

    def _look_back(self, stream: Stream, layer: DecoderLayer, name: str) -> None:
        graph, norm = self.graph, f"{name}.looked_back.norm"
        place = f"{name}.self_attention"
        maps, here = self.stacked(place, layer.self_attention)
        x = stream.read(layer.looked_back.norm, norm, here)
        x = graph.node(
            "Reshape", self.product(x, here, maps), self._parts_shape, place=place
        )
        parts = [f"{place}/{part}" for part in ("query", "key", "value")]
        graph.node("Split", x, place=place, results=parts, axis=2, num_outputs=3)
        queries, keys, values = (
            graph.node(
                "Transpose",
                graph.node("Squeeze", part, graph.ints(2), place=part),
                place=part,
                perm=[0, 2, 1, 3],
            )
            for part in parts
        )  # (B, H, T, E)
        look = self._looked(queries, keys, self._past, place)
        out = Dense.of(f"{place}.out", layer.self_attention.out)
        mixed = self._mixed(look, values, place)
        self.put_out(stream, mixed, out, layer.looked_back.norm, norm)

    def _look_across(self, stream: Stream, layer: DecoderLayer, name: str) -> str:
        """(B, H, T, S)."""
        graph, norm = self.graph, f"{name}.looked_across.norm"
        place = f"{name}.cross_attention"
        query = Dense.of(f"{place}.query", layer.cross_attention.query)
        here = self.point(query.name, query)
        x = self.product(stream.read(layer.looked_across.norm, norm, here), here, query)
        x = graph.node("Reshape", x, self._heads_shape, place=query.name)
        queries = graph.node("Transpose", x, place=query.name, perm=[0, 2, 1, 3])
        at = name.removeprefix("decoder.layers.")
        return self._looked(queries, f"cross_keys_{at}", self._seen, place)

    def _go_on(
        self, stream: Stream, look: str, at: int, layer: DecoderLayer, name: str
    ) -> None:
        """The rest of a layer, for the one above it."""
        norm, place = f"{name}.looked_across.norm", f"{name}.cross_attention"
        out = Dense.of(f"{place}.out", layer.cross_attention.out)
        mixed = self._mixed(look, f"cross_values_{at}", place)
        self.put_out(stream, mixed, out, layer.looked_across.norm, norm)
        self.feed_forward(
            stream, f"{name}.feed_forward", layer.feed_forward, layer.fed, f"{name}.fed"
        )

    def _looked(self, queries: str, keys: str, visible: str, place: str) -> str:
        """`model.attention_weights`: (B, H, T, E), (B, H, K, E) -> (B, H, T, K)."""
        graph = self.graph
        scale = graph.weight("scale", np.float32((self._width / self._heads) ** -0.5))
        lowest = graph.weight("lowest", np.float32(LOWEST))
        queries = graph.node("Mul", queries, scale, place=place)
        turned = graph.node("Transpose", keys, place=place, perm=[0, 1, 3, 2])
        scores = graph.node("MatMul", queries, turned, place=place)
        scores = graph.node("Where", visible, scores, lowest, place=place)
        return graph.node("Softmax", scores, place=place, axis=-1)

    def _mixed(self, look: str, values: str, place: str) -> str:
        """(B, H, T, K), (B, H, K, E) -> (B, T, H, E)."""
        mixed = self.graph.node("MatMul", look, values, place=place)
        return self.graph.node("Transpose", mixed, place=place, perm=[0, 2, 1, 3])


class AttentionGraph(nn.Module):
    """The same in torch, for graphs of standard operators."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        target_ids: Tensor,
        target_visible: Tensor,
        source_visible: Tensor,
        cross: list[Tensor],
    ) -> Tensor:
        # (B, T), (B, T, T), (B, S), L times keys and values (B, H, S, E)
        model = self.model
        x = model.target_embedding(target_ids) + model.positions[: target_ids.shape[1]]
        past, seen = target_visible[:, None], source_visible[:, None, None]
        looks: list[Tensor] = []
        for at, layer in enumerate(model.decoder.stack):
            x = _layer(layer, x, past, seen, cross[2 * at : 2 * at + 2], looks)
        return torch.stack(looks, dim=1).float()  # (B, L, H, T, S)


def _layer(
    layer: DecoderLayer,
    x: Tensor,
    past: Tensor,
    seen: Tensor,
    cross: list[Tensor],
    looks: list[Tensor],
) -> Tensor:
    keys, values = cross

    def look_across(x: Tensor) -> Tensor:
        attention = layer.cross_attention
        look = attention_weights(attention.split(attention.query(x)), keys, seen)
        looks.append(look)
        return attention.out(attention.join(look @ values))

    x = layer.looked_back(x, lambda x: layer.self_attention(x, x, past))
    x = layer.looked_across(x, look_across)
    return layer.fed(x, layer.feed_forward)


def standard_attention_graph(model: Transformer) -> onnx.ModelProto:
    """For GPUs, of a model in evaluation mode."""
    sentences, source, target = Dim("sentences"), Dim("source"), Dim("target")
    rows, sources, targets = 3, 5, 7  # no two alike, as in graphs.py
    width, heads = model.config.width, model.config.heads
    weight = model.generator.weight
    cross = weight.new_zeros(rows, heads, sources, width // heads)
    num_cross = 2 * model.config.decoder_layers
    return export_module(
        AttentionGraph(model),
        arguments=(
            torch.zeros(rows, targets, dtype=torch.long),
            torch.ones(rows, targets, targets, dtype=torch.bool),
            torch.ones(rows, sources, dtype=torch.bool),
            [cross.clone() for _ in range(num_cross)],
        ),
        axes=(
            {0: sentences, 1: target},
            {0: sentences, 1: target, 2: target},
            {0: sentences, 1: source},
            [{0: sentences, 2: source}] * num_cross,
        ),
        inputs=["target_ids", CAUSAL, "source_visible", *layered(model, "cross")],
        outputs=[NAME],
    )
