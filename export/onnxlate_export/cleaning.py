"""Makes an exported graph readable, and drops what it need not do or say."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import onnx
from onnx import numpy_helper
from torch import Tensor

from onnxlate import __version__


def cleaned(model: onnx.ModelProto, weights: Mapping[str, Tensor]) -> onnx.ModelProto:
    """The same graph: checked, with weights and nodes named after the modules.

    `weights` are the exported module's own, by name. Metadata goes: it holds stack
    traces, and with them paths of whoever exported.
    """
    graph = model.graph
    _drop_expanded_updates(graph)
    _rename(graph, _node_names(graph) | _weight_names(graph, weights))
    _drop_metadata(model)
    model.producer_name, model.producer_version = "onnxlate", __version__
    onnx.checker.check_model(model, full_check=True)
    return model


def _drop_expanded_updates(graph: onnx.GraphProto) -> None:
    """Scatters take their updates as they are: those have the full shape already.

    The exporter broadcasts them to be sure, a copy in every layer of every step.
    """
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        maker = makers.get(node.input[2]) if node.op_type == "ScatterND" else None
        if maker is not None and maker.op_type == "Expand":
            node.input[2] = maker.input[0]
            graph.node.remove(maker)
    drop_unused(graph)


def drop_unused(graph: onnx.GraphProto) -> None:
    """Removes nodes and weights whose results nobody reads."""
    read = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            read.update(node.input)
            kept.append(node)
    _keep(graph.node, kept[::-1])
    _keep(graph.initializer, [each for each in graph.initializer if each.name in read])
    named = read | {name for node in kept for name in node.output}
    _keep(graph.value_info, [each for each in graph.value_info if each.name in named])


def _keep(field: Any, kept: list[Any]) -> None:
    """Leaves only these in a repeated field."""
    copies = list(kept)
    del field[:]
    field.extend(copies)


def _node_names(graph: onnx.GraphProto) -> dict[str, str]:
    """Names the nodes MODULE/OPERATOR and says which tensors are renamed likewise."""
    fixed = {each.name for each in graph.output}
    renamed: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for node in graph.node:
        scopes = [p.value for p in node.metadata_props if p.key == _SCOPES]
        # "['', 'model.decoder.layers.0.fed', 'add_5']": modules, then the operation.
        modules = scopes[0].strip("[]").replace("'", "").split(", ") if scopes else []
        named = [each for each in modules[:-1] if each.startswith("model.")]
        place = named[-1] if named else ""
        name = f"{place.removeprefix('model.')}/{node.op_type}".lstrip("/")
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        for output in node.output:
            if output not in fixed:
                renamed[output] = node.name
    return renamed


_SCOPES = "pkg.torch.onnx.name_scopes"


def _weight_names(
    graph: onnx.GraphProto, weights: Mapping[str, Tensor]
) -> dict[str, str]:
    """New names of initializers: their parameter's, with .T if transposed.

    The exporter transposes the weights of matrix products for good, and calls
    them val_83; what they are is found by their content.
    """
    names: dict[bytes, str] = {}
    for name, weight in weights.items():
        name = name.removeprefix("model.")
        array = weight.detach().numpy()
        names.setdefault(_digest(array.tobytes()), name)
        if array.ndim == 2:
            names.setdefault(_digest(array.T.tobytes()), f"{name}.T")
    renamed: dict[str, str] = {}
    for each in graph.initializer:
        if each.name.startswith("model."):
            renamed[each.name] = each.name.removeprefix("model.")
        elif len(each.dims) == 2:
            content = numpy_helper.to_array(each).tobytes()
            renamed[each.name] = names.get(_digest(content), each.name)
    return renamed


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        for field in (node.input, node.output):
            for at, name in enumerate(field):
                field[at] = names.get(name, name)
    for weight in graph.initializer:
        weight.name = names.get(weight.name, weight.name)
    for value in graph.value_info:
        value.name = names.get(value.name, value.name)


def _drop_metadata(model: onnx.ModelProto) -> None:
    graph = model.graph
    graph.name = "onnxlate"
    graph.doc_string = ""
    del model.metadata_props[:]
    del graph.metadata_props[:]
    described: list[Any] = [*graph.node, *graph.initializer, *graph.value_info]
    for each in (*described, *graph.input, *graph.output):
        each.doc_string = ""
        del each.metadata_props[:]
