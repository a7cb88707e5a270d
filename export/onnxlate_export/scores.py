"""The last product, from the decoder's vector to a score for every token.

With a large vocabulary it is the largest of all, and greedy search wants no more of it
than which score is the highest. So an fp32 graph has it twice: exactly, and roughly in
int8, at a quarter of the cost, together with how far the rough scores may be off. Few
tokens are then within reach of the highest, mostly one, and only those have to be
scored exactly. Nothing is lost: the bound is one, not a guess.

With x the vector, w a token's weights, and x', w' what int8 makes of them,

    x w - x' w' = (x - x') w + x' (w - w') <= |x - x'| |w| + |x'| |w - w'|

and all norms are at hand: those of the weights' are constants, the largest of all.
Exact scores have a bound too, that of rounding.
"""

import numpy as np
import onnx
from torch import nn

from onnxlate_training.model import NEVER

from .products import Dense, Floats, Int8Products, Point
from .writer import BOOL, FLOAT, GraphWriter

TALLEST = 4.5
"""A norm gives numbers of deviation 1 and hardly one that is larger than this. Which
is, is cut, and its row's bound is wider."""

ROUNDING = 1.01
"""What floating point may add to a bound that holds in exact arithmetic."""

EPSILON = 2.0**-24
"""How far rounding to a float32 is off, relative to it."""


def reach(norm: nn.LayerNorm) -> Floats:
    """How large what comes out of a norm gets, as a rule: (width,)."""
    gain, bias = (each.detach().abs().numpy() for each in (norm.weight, norm.bias))
    return np.asarray(TALLEST * gain + bias, np.float32)


def write_scores(graph: GraphWriter, x: str, table: Dense, reached: Floats) -> None:
    """From x (rows, width), which is about as large as `reached` (width,), to the
    outputs logits, logits_error and decoded, and with the input approximate."""
    rough = graph.input("approximate", BOOL, [], default=np.bool_(False))
    graph.node(
        "If",
        rough,
        results=["logits", "logits_error"],
        then_branch=_rough(x, table, reached),
        else_branch=_exact(graph, x, table),
    )
    graph.output("logits_error", FLOAT, ["rows"])
    graph.node("Identity", x, results="decoded")
    graph.output("decoded", FLOAT, ["rows", table.weight.shape[1]])


def _exact(whole: GraphWriter, x: str, table: Dense) -> onnx.GraphProto:
    weight = whole.weight(f"{table.name}.weight", table.weight)
    branch = GraphWriter("exact")
    bias = []
    if table.bias is not None:
        bias = [whole.weight(f"{table.name}.bias", table.bias)]
    logits = branch.node("Gemm", x, weight, *bias, transB=1)
    # A sum of so many products is that far off at worst, and so is another's.
    lengths = np.linalg.norm(table.weight.astype(np.float64), axis=1)
    rounding = 2 * table.weight.shape[1] * EPSILON * lengths.max()
    weighed = branch.weight("rounding", np.float32(rounding))
    error = branch.node("Mul", _norm(branch, x), weighed)
    if table.bias is not None:
        added = branch.weight("added", np.float32(2 * EPSILON * _said(table.bias)))
        error = branch.node("Add", error, added)
    return _results(branch, len(table.weight), logits, error)


def _rough(x: str, table: Dense, reached: Floats) -> onnx.GraphProto:
    branch = GraphWriter("rough")
    dense = Dense("scores", table.weight, table.bias)
    products = Int8Products({dense.name: reached})
    point = products.point(dense.name, dense)
    divided = branch.node("Mul", x, branch.weight("inverse", 1 / point.factors))
    operand = products.operand(branch, divided, point)
    logits = products.product(branch, operand, point, dense)

    back = products.back(branch, operand, point)
    lost = branch.node("Sub", divided, back)
    lengths, gaps = _largest_norms(products, point, dense)
    error = branch.node(
        "Add",
        branch.node("Mul", _norm(branch, lost), branch.weight("lengths", lengths)),
        branch.node("Mul", _norm(branch, back), branch.weight("gaps", gaps)),
    )
    return _results(branch, len(table.weight), logits, error)


def _largest_norms(
    products: Int8Products, point: Point, dense: Dense
) -> tuple[np.float32, np.float32]:
    """Of the weights that a divided x meets, and of what int8 loses of them."""
    weight = (dense.weight * point.factors).astype(np.float64)
    gap = weight - products.stored(dense, point)
    length, gap_length = (
        ROUNDING * np.linalg.norm(each, axis=1).max() for each in (weight, gap)
    )
    return np.float32(length), np.float32(gap_length)


def _said(bias: Floats) -> float:
    """The largest of those of tokens that may be said."""
    return float(np.abs(bias[bias > NEVER / 2]).max(initial=0))


def _norm(branch: GraphWriter, x: str) -> str:
    """(rows, width) -> (rows)."""
    return branch.node("ReduceL2", x, branch.ints(-1), keepdims=0)


def _results(
    branch: GraphWriter, vocabulary: int, logits: str, error: str
) -> onnx.GraphProto:
    branch.output(logits, FLOAT, ["rows", vocabulary])
    branch.output(error, FLOAT, ["rows"])
    return branch.graph()
