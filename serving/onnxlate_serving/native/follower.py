"""Follows a graph node by node, and keeps what is where."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .graph import Array, Graph, Node
from .library import Kind
from .steps import LOGITS, NUM_OUTSIDE, Known, Numbers, Step, Unknown, Value

ATTRIBUTES = {
    "Cast": {"to"},
    "Concat": {"axis"},
    "Gather": {"axis"},
    "Gemm": {"transB"},
    "GroupQueryAttention": {"num_heads", "kv_num_heads"},
    "If": {"then_branch", "else_branch"},
    "LayerNormalization": {"axis", "epsilon"},
    "MultiHeadAttention": {"num_heads", "mask_filter_value"},
    "ReduceSum": {"keepdims"},
    "Shape": {"start", "end"},
    "Split": {"axis", "num_outputs"},
    "Transpose": {"perm"},
}
"""What a node may say of itself; anything else would change what it does."""


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
            handle: Callable[[Node], None] | None = getattr(
                self, f"_{node.kind.lower()}", None
            )
            if handle is None:
                raise Unknown(f"there is an operator {node.kind}")
            if strange := set(node.attributes) - ATTRIBUTES.get(node.kind, frozenset()):
                raise Unknown(f"{node.kind} has {', '.join(sorted(strange))}")
            handle(node)
        return self.steps

    # -- what is where

    def _numbers(self, name: str) -> Numbers:
        value = self._values.get(name)
        if not isinstance(value, Numbers):
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
