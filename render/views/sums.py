"""Tells the sums of gradients that meet from the derivatives beside which they were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from tracer.graph import Graph, Node


def sums_apart(graph: Graph) -> Graph:
    """The graph with sums of gradients as operations by themselves, which differentiate nothing.

    The gradient of a tensor that several operations read is the sum of what they send back. Autograd adds up while the
    last of them runs, so that the sum seems to be part of its derivative: one that would read the gradient of another.
    A sum is told by its operands: what was not made in that derivative is a gradient that it has read nowhere else.
    Both are such where the derivative itself hands its gradient on without running anything.

    Args:
        graph: As captured, with the operations of backward.
    """
    made: dict[int, set[int]] = {}
    read: dict[int, set[int]] = {}
    nodes = []
    for node in graph.nodes:
        if node.phase == "backward" and node.forward is not None:
            inside, outside = made.setdefault(node.forward, set()), read.setdefault(node.forward, set())
            others = [value for value in node.inputs if value not in inside]
            if outside.isdisjoint(others) and _adds(graph, node, others):
                node = replace(node, forward=None, scope=_around(graph, node, graph.producer[others[0]]))
            inside.update(node.outputs)
            outside.update(node.inputs)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _adds(graph: Graph, node: Node, others: Sequence[int]) -> bool:
    """Whether an operation adds up two gradients, of which these were made outside of its derivative."""
    if node.op.strip("_") != "add" or len(node.inputs) != 2 or node.forward is None:
        return False
    made = [graph.producer[value].phase for value in others if value in graph.producer]
    passed = len(others) == 1 or len(graph.node_by_id[node.forward].outputs) == 1
    return bool(others) and passed and made == ["backward"] * len(others)


def _around(graph: Graph, *nodes: Node) -> int | None:
    """The innermost scope that both derivatives lie in which a sum is taken of."""
    paths = [graph.path(node.scope) for node in nodes]
    shared = takewhile(lambda pair: pair[0] is pair[-1], zip(*paths, strict=False))
    return next((pair[0].id for pair in reversed(list(shared)) if pair[0].kind != "function"), None)
