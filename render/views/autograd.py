"""The view `autograd`: the graph that backward walks, one operation for each autograd node, as torchviz draws it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from render.views import register
from render.views.subgraph import note, with_nodes
from tracer.graph import Graph, Node, Value

ACCUMULATE: str = "AccumulateGrad"


@register("autograd", help_text="the graph that backward walks: one operation for each autograd node", level=True)
def autograd(graph: Graph) -> Graph:
    """The graph of the autograd nodes that the forward pass left behind.

    Kept are the forward operations that own an autograd node (`attrs["grad_fn"]`), renamed to it, with those of their
    inputs that a gradient flows to. Operations without one are passed through. Each leaf that a gradient is
    collected in feeds one `AccumulateGrad`, whose readers are the leaf's first readers and all later ones. New records
    have ids above those of the graph.
    """
    through = _bypass(graph)
    owners = [node for node in graph.nodes if node.phase == "forward" and "grad_fn" in node.attrs]
    if graph.nodes and not owners:
        return note(graph, "there is no autograd graph to draw: no gradient can flow")
    named = [replace(node, op=str(node.attrs["grad_fn"]), inputs=_expand(node.inputs, through)) for node in owners]
    return _with_leaves(with_nodes(graph, named))


def _bypass(graph: Graph) -> dict[int, tuple[int, ...]]:
    """For each value that carries no gradient itself, or whose maker has no autograd node: what to read instead."""
    instead: dict[int, tuple[int, ...]] = {
        value.id: () for value in graph.values if not value.requires_grad and value.kind != "result"
    }
    for node in graph.nodes:
        if node.phase != "forward" or "grad_fn" in node.attrs:
            continue
        carried = tuple(dict.fromkeys(_expand(node.inputs, instead)))
        for value in node.outputs:
            if graph.value_by_id[value].kind == "result":
                instead[value] = carried if graph.value_by_id[value].requires_grad else ()
    return instead


def _expand(values: Iterable[int], instead: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(source for value in values for source in instead.get(value, (value,)))


def _with_leaves(graph: Graph) -> Graph:
    """The graph with an AccumulateGrad behind each leaf, where it is first read."""
    next_value = max((value.id for value in graph.values), default=0) + 1
    next_node = max((node.id for node in graph.nodes), default=0) + 1
    collected: dict[int, int] = {}
    values: list[Value] = []
    nodes: list[Node] = []
    for node in graph.nodes:
        for value in dict.fromkeys(node.inputs):
            leaf = graph.value_by_id[value]
            if value not in graph.producer and value not in collected:
                collected[value] = next_value + len(values)
                values.append(replace(leaf, id=collected[value], name=None, kind="result", data=None))
                nodes.append(_accumulate(next_node + len(values) - 1, value, collected[value], node))
        nodes.append(replace(node, inputs=tuple(collected.get(value, value) for value in node.inputs)))
    return replace(graph, nodes=tuple(nodes), values=graph.values + tuple(values))


def _accumulate(id: int, leaf: int, collected: int, reader: Node) -> Node:  # noqa: A002 - as in Node
    return Node(id=id, op=ACCUMULATE, target=ACCUMULATE, inputs=(leaf,), outputs=(collected,), scope=reader.scope)
