"""Masks, positions and lookups of a graph, which programs do by themselves.

A graph that computes them in another way than ours do is none of ours.
"""

import math
from dataclasses import replace

import numpy as np

from .follower import Follower
from .graph import Node
from .library import Kind
from .steps import DECODED, LOGITS, Known, Numbers, Place, Row, Step, Unknown, Value


class Lookups(Follower):
    def _ints(self, name: str) -> tuple[int, ...]:
        return tuple(int(each) for each in self._weight(name).reshape(-1))

    # -- masks, positions, sizes

    def _cast(self, node: Node) -> None:
        if node.inputs[0] in ("source_visible", "target_visible"):
            self._values[node.outputs[0]] = Known(node.inputs[0])
        elif isinstance(self._values.get(node.inputs[0]), Row):
            self._same(node)
        else:
            raise Unknown(f"{node.inputs[0]!r} is cast")

    def _reducesum(self, node: Node) -> None:
        self._expect(node.inputs[0], "target_visible")
        if self._ints(node.inputs[1]) != (1,):
            raise Unknown("something else is counted")
        self._values[node.outputs[0]] = Known("length")

    def _sub(self, node: Node) -> None:
        self._expect(node.inputs[0], "length")
        if self._scalar(node.inputs[1]) != 1:
            raise Unknown("positions are counted otherwise")
        self._values[node.outputs[0]] = Known("last")

    def _max(self, node: Node) -> None:
        self._expect(node.inputs[0], "last")
        if self._scalar(node.inputs[1]) != 0:
            raise Unknown("positions begin elsewhere")
        self._values[node.outputs[0]] = Known("position")

    def _shape(self, node: Node) -> None:
        self._values[node.outputs[0]] = Known("size")

    def _concat(self, node: Node) -> None:
        first, last = node.inputs
        self._expect(first, "size")
        self._values[node.outputs[0]] = Known("size", self._ints(last))

    def _slice(self, node: Node) -> None:
        table, first, last, axes = node.inputs
        self._expect(last, "size")
        if self._scalar(first) != 0 or self._ints(axes) != (0,):
            raise Unknown("positions begin elsewhere")
        self._values[node.outputs[0]] = Place(self._weight(table))

    def _reshape(self, node: Node) -> None:
        """What is one row stays one."""
        made, size = self._values.get(node.inputs[0]), self._values.get(node.inputs[1])
        last = size.last if isinstance(size, Known) else self._ints(node.inputs[1])
        width = math.prod(each for each in last if each > 0)
        if not isinstance(made, Numbers):
            raise Unknown(f"{node.inputs[0]!r} is not made of numbers")
        if width != made.width // (1 if made.part < 0 else 3):
            raise Unknown("rows become others")
        self._same(node)

    def _identity(self, node: Node) -> None:
        if node.outputs[0] == "decoded":
            decoded = self._numbers(node.inputs[0])
            to = replace(decoded, slot=DECODED)
            self.steps.append(Step(Kind.COPY, to, decoded))
        elif node.outputs[0] == "logits":
            made = self._numbers(node.inputs[0])
            if self.steps[-1].to != made:
                raise Unknown("something comes after the logits")
            self.steps[-1].to = replace(made, slot=LOGITS)
        self._same(node)

    def _transpose(self, node: Node) -> None:
        name, result = node.inputs[0], node.outputs[0]
        turned = (1, 0) if name in self.graph.weights else (0, 2, 1, 3)
        if node.attributes.get("perm") != turned:
            raise Unknown(f"{name!r} is turned otherwise")
        if name in self.graph.weights:
            self.graph.weights[result] = self.graph.weights[name].T
            return
        kept = self._numbers(name)
        kind, _, layer = result.rpartition("_")
        if kind not in ("cross_keys", "cross_values"):
            raise Unknown(f"{name!r} is turned")
        entry = 2 * int(layer) + (kind == "cross_values")
        self.steps.append(Step(Kind.KEEP, kept, kept, entry=entry))

    # -- lookups

    def _gather(self, node: Node) -> None:
        table, at = self._weight(node.inputs[0]), node.inputs[1]
        if at in ("target_ids", "source_ids"):
            found: Value = Row(table, column=table.ndim == 1)
        else:
            self._expect(at, "position")
            found = Place(table)
        self._values[node.outputs[0]] = found

    def _unsqueeze(self, node: Node) -> None:
        self._same(node)

    def _mul(self, node: Node) -> None:
        one, other = (self._values.get(each) for each in node.inputs)
        match one, other:
            case Row(), Row(column=True) if not one.column:
                result: Value = replace(one, scales=other.table)
            case Row(), None if not one.column:
                result = replace(one, factors=self._weight(node.inputs[1]))
            case Numbers(), Numbers():
                self._add_step(node, Kind.MULTIPLY, one.width, source=one, other=other)
                return
            case Numbers(), None:
                factors = np.broadcast_to(self._weight(node.inputs[1]), one.width)
                self._add_step(node, Kind.SCALE, one.width, source=one, weight=factors)
                return
            case _:
                raise Unknown("a product of something else")
        self._values[node.outputs[0]] = result

    def _add(self, node: Node) -> None:
        one, other = (self._values.get(each) for each in node.inputs)
        match one, other:
            case Row(), Place():
                self._look_up(node, one, other)
            case Numbers(), Numbers():
                self._add_step(node, Kind.ADD, one.width, source=one, other=other)
            case _:
                raise Unknown("a sum of something else")

    def _look_up(self, node: Node, row: Row, place: Place) -> None:
        width = row.table.shape[1]
        factors = row.factors
        if row.scales is None:
            root = 1.0 if factors is None else float(factors.reshape(-1)[0])
            if row.table.dtype != np.float32 or (factors is not None and factors.ndim):
                raise Unknown("a table of another kind")
            self._add_step(
                *(node, Kind.LOOKUP, width),
                number=root,
                weight=row.table,
                positions=place.table,
            )
            return
        self._add_step(
            *(node, Kind.LOOKUP_INT8, width),
            weight=row.table,
            scales=row.scales,
            offsets=np.broadcast_to(
                np.float32(1) if factors is None else factors, width
            ),
            positions=place.table,
        )
