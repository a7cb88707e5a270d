"""Writes onnxlate_serving/graphs/*.onnx: the row operators of device_block.py, the
choice of device_decoder.py, and the normalisation of log_probs.py.

Run by hand when they change: `python serving/make_row_graphs.py`. Serving itself
never imports onnx.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

FOLDER = Path(__file__).parent / "onnxlate_serving" / "graphs"
WORDS = TensorProto.INT32
# Axes of a block: keys and values, rows, heads, positions, words.
ROWS, POSITIONS = 1, 3


def block(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, WORDS, [None] * 5)


def numbers(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, [None])


def constant(name: str, value: int) -> TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [1], [value])


def write(
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    nodes: Sequence[NodeProto],
    constants: Sequence[TensorProto] = (),
) -> None:
    graph = helper.make_graph(nodes, name, inputs, [block("result")], constants)
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, FOLDER / f"{name}.onnx")


def zeros(shape: str, result: str) -> NodeProto:
    zero = helper.make_tensor("zero", WORDS, [1], [0])
    return helper.make_node("ConstantOfShape", [shape], [result], value=zero)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    write(
        "gather",
        [block("block"), numbers("rows")],
        [helper.make_node("Gather", ["block", "rows"], ["result"], axis=ROWS)],
    )
    write(
        "join",
        [block("front"), block("back")],
        [helper.make_node("Concat", ["front", "back"], ["result"], axis=ROWS)],
    )
    write(
        "grow",
        [block("block"), numbers("more")],
        [
            zeros("more", "behind"),
            helper.make_node("Concat", ["block", "behind"], ["result"], axis=POSITIONS),
        ],
    )
    write(
        "cut",
        [block("block"), numbers("length")],
        [helper.make_node("Slice", ["block", "start", "length", "axis"], ["result"])],
        [constant("start", 0), constant("axis", POSITIONS)],
    )
    write("zeros", [numbers("shape")], [zeros("shape", "result")])
    write_log_softmax()
    for scored in (False, True):
        for barred in (False, True):
            write_best(scored, barred)


def write_best(scored: bool, barred: bool) -> None:
    """The best tokens of each row by their logits, with their log-probabilities or
    without, with or without rows that must not end. A row's first logit tells whether
    it has any."""
    floats = [TensorProto.FLOAT, ["rows", "vocabulary"]]
    inputs = [
        helper.make_tensor_value_info("logits", *floats),
        helper.make_tensor_value_info("width", TensorProto.INT64, [1]),
    ]
    values, nodes, constants = "logits", [], []
    if barred:
        inputs += [
            helper.make_tensor_value_info("barred", TensorProto.BOOL, ["rows", 1]),
            helper.make_tensor_value_info("end", TensorProto.INT64, [1]),
        ]
        constants += [
            helper.make_tensor("zero", TensorProto.INT64, [], [0]),
            helper.make_tensor("one", TensorProto.INT64, [], [1]),
            helper.make_tensor("axis", TensorProto.INT64, [], [1]),
            helper.make_tensor("never", TensorProto.FLOAT, [], [-np.inf]),
        ]
        nodes += [
            helper.make_node("Shape", ["logits"], ["shape"]),
            helper.make_node("Gather", ["shape", "axis"], ["vocabulary"]),
            helper.make_node("Range", ["zero", "vocabulary", "one"], ["ids"]),
            helper.make_node("Equal", ["ids", "end"], ["is_end"]),
            helper.make_node("And", ["barred", "is_end"], ["not_allowed"]),
            helper.make_node("Where", ["not_allowed", "never", values], ["allowed"]),
        ]
        values = "allowed"
    constants += [
        helper.make_tensor("begin", TensorProto.INT64, [1], [0]),
        helper.make_tensor("stop", TensorProto.INT64, [1], [1]),
        helper.make_tensor("columns", TensorProto.INT64, [1], [1]),
    ]
    nodes += [
        helper.make_node("TopK", [values, "width"], ["highest", "tokens"], axis=1),
        helper.make_node("Slice", [values, "begin", "stop", "columns"], ["first"]),
    ]
    best = ["rows", "width"]
    outputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, best),
        helper.make_tensor_value_info("highest", TensorProto.FLOAT, best),
        helper.make_tensor_value_info("first", TensorProto.FLOAT, ["rows", 1]),
    ]
    if scored:
        # Of two logits that are not equal the log-probabilities may be, once rounded.
        nodes += [
            helper.make_node("LogSoftmax", [values], ["all"], axis=1),
            helper.make_node(
                "GatherElements", ["all", "tokens"], ["log_probs"], axis=1
            ),
        ]
        outputs.append(helper.make_tensor_value_info("log_probs", *floats[:1], best))
    name = "best" + "_scored" * scored + "_barred" * barred
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, FOLDER / f"{name}.onnx")


def write_log_softmax() -> None:
    logits, log_probs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", "vocabulary"])
        for name in ("logits", "log_probs")
    )
    node = helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=1)
    graph = helper.make_graph([node], "log_softmax", [logits], [log_probs])
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, FOLDER / "log_softmax.onnx")


if __name__ == "__main__":
    main()
