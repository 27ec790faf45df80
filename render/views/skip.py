"""The view `skip`: without the operations that only show a tensor in another form (`t`, `view`, `[]`)."""

from __future__ import annotations

from dataclasses import replace

from render.families import is_view
from render.views import register
from render.views.subgraph import with_nodes
from tracer.graph import Graph, Node


@register("skip", help_text="without operations that only show a tensor in another form (t, view, [])")
def skip(graph: Graph) -> Graph:
    """The graph with view operations left out; what read their results reads their first input instead.

    A view that the author named, that is an output of the graph, or that failed, stays.
    """
    ends = {*graph.outputs, *(() if graph.loss is None else (graph.loss.id,))}
    instead: dict[int, int] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(instead.get(value, value) for value in node.inputs)
        if _is_skipped(graph, node, ends):
            instead.update((value, inputs[0]) for value in node.outputs)
        else:
            kept.append(node if inputs == node.inputs else replace(node, inputs=inputs))
    return with_nodes(graph, kept)


def _is_skipped(graph: Graph, node: Node, ends: set[int]) -> bool:
    if node.error is not None or not node.inputs or not node.outputs or not is_view(node.op):
        return False
    return all(graph.value_by_id[value].name is None and value not in ends for value in node.outputs)
