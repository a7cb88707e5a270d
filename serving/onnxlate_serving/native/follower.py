"""Follows a graph node by node, and keeps what is where."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .graph import Array, Graph, Node
from .library import Kind
from .steps import LOGITS, NUM_OUTSIDE, Known, Numbers, Step, Unknown, Value

ANYTHING = None

OPERATORS: dict[str, dict[str, set[object] | None]] = {
    **{each: {} for each in ("Add", "Gelu", "Identity", "Max", "Mul", "Relu")},
    **{each: {} for each in ("QuantizeLinear", "Reshape", "Sigmoid", "Slice", "Sub")},
    "Unsqueeze": {},
    "Cast": {"to": {1, 6}},
    "Concat": {"axis": {0}},
    "Gather": {"axis": {0}},
    "Gemm": {"transB": {0, 1}},
    "If": {"then_branch": ANYTHING, "else_branch": ANYTHING},
    "LayerNormalization": {"axis": {-1}, "epsilon": ANYTHING},
    "ReduceSum": {"keepdims": {0}},
    "Shape": {"start": {0, 1}, "end": {1, 2}},
    "Split": {"axis": {1}, "num_outputs": {3}},
    "Transpose": {"perm": {(1, 0), (0, 2, 1, 3)}},
}
"""What is known of the standard's, and what a node may say of itself; anything else
would change what it does."""

CONTRIB: dict[str, dict[str, set[object] | None]] = {
    "GroupQueryAttention": {"num_heads": ANYTHING, "kv_num_heads": ANYTHING},
    "MatMulIntegerToFloat": {},
    "MultiHeadAttention": {"num_heads": ANYTHING, "mask_filter_value": ANYTHING},
    "QGemm": {},
}
"""The same of onnxruntime's own."""

KNOWN = {"": OPERATORS, "com.microsoft": CONTRIB}
"""By domain."""


@dataclass
class Follower:
    """Calls `_operator` for each node; `steps` grows."""

    graph: Graph
    heads: int
    steps: list[Step] = field(default_factory=list)
    _values: dict[str, Value] = field(default_factory=dict)
    _num_slots: int = NUM_OUTSIDE

    def compile(self) -> list[Step]:
        """Raises Unknown."""
        for node in self.graph.nodes:
            said = KNOWN.get(node.domain, {}).get(node.kind)
            if said is None:
                raise Unknown(f"there is an operator {node.kind}")
            for name, value in node.attributes.items():
                allowed = said.get(name, set())
                if allowed is not ANYTHING and value not in allowed:
                    raise Unknown(f"{node.kind} has another {name}")
            handle: Callable[[Node], None] = getattr(self, f"_{node.kind.lower()}")
            handle(node)
        return self.steps

    # -- what is where

    def _numbers(self, name: str) -> Numbers:
        value = self._values.get(name)
        if not isinstance(value, Numbers) or value.part >= 0:
            raise Unknown(f"{name!r} is not made of numbers")
        return value

    def _weight(self, name: str) -> Array:
        if name not in self.graph.weights:
            raise Unknown(f"{name!r} is no constant")
        return self.graph.weights[name]

    def _scalar(self, name: str) -> float:
        return float(self._weight(name).reshape(-1)[0])

    def _known(self, name: str) -> str:
        value = self._values.get(name)
        return value.name if isinstance(value, Known) else name

    def _expect(self, name: str, wanted: str) -> None:
        if self._known(name) != wanted:
            raise Unknown(f"{name!r} is not {wanted}")

    def _add_step(
        self, node: Node, kind: Kind, width: int, dtype: str = "float32", **rest: Any
    ) -> None:
        name = node.outputs[0]
        if name == "logits":
            to = Numbers(LOGITS, width)
        else:
            to = Numbers(self._num_slots, width, dtype)
            self._num_slots += 1
        self._values[name] = to
        self.steps.append(Step(kind, to, **rest))

    def _same(self, node: Node) -> None:
        """What changes names or shapes only."""
        self._values[node.outputs[0]] = self._values.get(node.inputs[0])
