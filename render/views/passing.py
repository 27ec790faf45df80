"""Leads gradients back over the operations that hand them on unchanged (`+`, `clone`), for which no kernel runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from render.families import derivative, sign
from tracer.graph import Graph, Node, Value

SUMS: Final = ("+", "−")  # which pass a gradient to one operand, though they work on that of the other
MAX_CLIMBED: Final = 64  # operations that are looked at for the way of one gradient


def passed_on(graph: Graph, opposite: Sequence[Node], seed: Node | None) -> tuple[Graph, list[Node]]:
    """The backward operations, with one opposite each forward operation that a gradient passed unchanged.

    Backward hands the gradient of a sum to both its operands without running anything, so that the operation before it
    seems to read the gradient from far behind. Here it reads what the derivative of the sum passes on: a new value, one
    for each operation, for gradients that meet there are summed.

    Args:
        graph: The whole graph, with the operations of backward as they ran.
        opposite: One operation for each forward operation that backward ran something for, last first.
        seed: The operation that made the gradient of the loss.

    Returns:
        The graph with the new values, and the operations, the new ones in their places.
    """
    ways = _Ways(graph, opposite, seed)
    for node in opposite:
        ways.lead(node)
    for node in graph.nodes:
        ways.lead_to_leaves(node)
    return replace(graph, values=graph.values + tuple(ways.values)), ways.nodes()


@dataclass
class _Ways:
    """Where gradients pass.

    Attributes:
        graph: The whole graph.
        opposite: As they ran.
        seed: What made the gradient of the loss.
        passed: By forward operation, the value that is passed on: the sum of all that arrive.
        arrived: Forward operations, each with a gradient that its derivative reads or that was passed to it.
        read: By forward operation, what its derivative reads, where that changes.
        made: By forward operation, what its derivative passes on.
        values: The new values.
    """

    graph: Graph
    opposite: Sequence[Node]
    seed: Node | None
    passed: dict[int, int] = field(default_factory=dict)
    arrived: set[tuple[int, int]] = field(default_factory=set)
    read: dict[int, dict[int, None]] = field(default_factory=dict)
    made: dict[int, list[int]] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place = {node.id: number for number, node in enumerate(self.graph.nodes)}
        self.forward = {node.id: node.forward for node in self.opposite if node.forward is not None}
        self.known = {node.forward: node for node in self.opposite if node.forward is not None}
        makers = (*self.opposite, *((self.seed,) if self.seed else ()))
        self.maker = {value: node for node in makers for value in node.outputs}
        self.free = max((value.id for value in self.graph.values), default=-1) + 1

    def lead(self, node: Node) -> None:
        """Has a backward operation read its gradients from the operations that they passed last."""
        found: dict[int, None] = {}
        for value in node.inputs:
            way = self._way(node, value) if value in self.maker else ()
            arriving = value
            for passing in reversed(way):
                arriving = self._pass(passing, value, arriving)
            found[arriving] = None
        self.read[self.forward[node.id]] = found

    def lead_to_leaves(self, node: Node) -> None:
        """Has a sum that only weights get a gradient from pass it on, too."""
        leaves = (self.graph.value_by_id[value] for value in node.inputs if value not in self.graph.producer)
        if not self._may_pass(node) or node.id in self.made or all(leaf.grad is None for leaf in leaves):
            return
        result = self.graph.value_by_id[node.outputs[0]]
        readers = [each for each in self._readers(node) if each.id in self.known]
        sent = (value for each in readers for value in self.known[each.id].outputs)
        arrived = next((value for value in sent if self.graph.value_by_id[value].shape == result.shape), None)
        if arrived is None and readers:  # nothing else reads it, so that it is no result of what was closed
            arrived = self._new(replace(result, data=None, grad=None))
            self.made.setdefault(readers[0].id, []).append(arrived)
        if arrived is not None:
            self._pass(node, arrived, arrived)

    def nodes(self) -> list[Node]:
        """The derivatives, last first."""
        free = max(node.id for node in self.graph.nodes) + 1
        forward = sorted({**self.known, **self.made}, key=lambda each: -self.place[each])
        return [self._node(self.graph.node_by_id[each], free + number) for number, each in enumerate(forward)]

    def _node(self, forward: Node, free: int) -> Node:
        known = self.known.get(forward.id)
        inputs, made = tuple(self.read.get(forward.id, ())), tuple(self.made.get(forward.id, ()))
        if known is not None:
            return replace(known, inputs=inputs, outputs=(*known.outputs, *made))
        op = derivative(forward.op)
        return Node(free, op, op, "backward", inputs, made, forward.scope, forward.id)

    def _pass(self, forward: Node, gradient: int, arriving: int) -> int:
        """What the derivative of an operation makes of a gradient that it passes on, as it arrives there."""
        if forward.id not in self.passed:
            self.passed[forward.id] = self._new(self._value(arriving))
            self.made.setdefault(forward.id, []).append(self.passed[forward.id])
        if (forward.id, gradient) not in self.arrived:
            self.arrived.add((forward.id, gradient))
            self.read.setdefault(forward.id, {})[arriving] = None
        return self.passed[forward.id]

    def _new(self, like: Value) -> int:
        """The id of a new value, without a name, that is like another."""
        self.values.append(replace(like, id=self.free + len(self.values), name=None))
        return self.values[-1].id

    def _value(self, value: int) -> Value:
        return self.values[value - self.free] if value >= self.free else self.graph.value_by_id[value]

    def _way(self, node: Node, gradient: int) -> Sequence[Node]:
        """The forward operations between what made a gradient and what reads it; none where it comes directly."""
        maker = self.maker[gradient]
        ends = self._ends(maker)
        start = self.graph.node_by_id[node.forward] if node.forward is not None else None
        if start is None or not ends.isdisjoint(start.outputs):
            return ()
        before: dict[int, Node] = {}
        climbing = [start]
        while climbing and len(before) < MAX_CLIMBED:
            reached, *climbing = climbing
            passing = (each for each in self._readers(reached) if each.id not in before and self._may_pass(each))
            for each in islice(passing, MAX_CLIMBED):
                before[each.id] = reached
                if not ends.isdisjoint(each.outputs) or (each.id, gradient) in self.arrived:
                    return self._back(each, before, start)
                climbing.append(each)
        return ()

    def _back(self, last: Node, before: Mapping[int, Node], start: Node) -> Sequence[Node]:
        found = [last]
        while before[found[-1].id] is not start:
            found.append(before[found[-1].id])
        return found[::-1]

    def _ends(self, maker: Node) -> frozenset[int]:
        """The forward values that a backward operation makes gradients of."""
        if maker.forward is None:
            return frozenset(() if self.graph.loss is None else (self.graph.loss.id,))
        return frozenset(self.graph.node_by_id[maker.forward].inputs)

    def _readers(self, node: Node) -> Iterable[Node]:
        found = (each for value in node.outputs for each in self.graph.consumers.get(value, ()))
        return (each for each in found if each.phase == "forward")

    def _may_pass(self, node: Node) -> bool:
        """Whether a gradient can have passed an operation unchanged: all in it has the shape of the result."""
        if node.phase != "forward" or "grad_fn" not in node.attrs or not node.outputs:
            return False
        if node.id in self.known and sign(node.op) not in SUMS:
            return False
        shape = self.graph.value_by_id[node.outputs[0]].shape
        return any(self.graph.value_by_id[value].shape == shape for value in node.inputs)
