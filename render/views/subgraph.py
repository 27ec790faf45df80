"""Cuts a graph down to some of its nodes and keeps it consistent; what the views share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tracer.graph import Graph, Node, Scope


def with_nodes(graph: Graph, nodes: Iterable[Node]) -> Graph:
    """`graph` with these nodes only, the scopes around them, and the inputs and outputs that are still met.

    Values stay whole. A result that nothing makes any more is no output of the new graph.
    """
    kept = tuple(nodes)
    ids = {node.id for node in kept}
    touched = {value for node in kept for value in (*node.inputs, *node.outputs)}
    made = {value for node in kept for value in node.outputs}
    outputs = (value for value in graph.outputs if value in made or graph.value_by_id[value].kind != "result")
    return replace(
        graph,
        nodes=tuple(
            node if node.forward is None or node.forward in ids else replace(node, forward=None) for node in kept
        ),
        scopes=scopes_of(graph, kept),
        inputs=tuple(value for value in graph.inputs if value in touched or not kept),
        outputs=tuple(outputs),
    )


def scopes_of(graph: Graph, nodes: Iterable[Node]) -> tuple[Scope, ...]:
    """The scopes that some of `nodes` lie in, at any depth, in the graph's order."""
    around: set[int] = set()
    for node in nodes:
        scope = node.scope
        while scope is not None and scope not in around:
            around.add(scope)
            scope = graph.scope_by_id[scope].parent
    return tuple(scope for scope in graph.scopes if scope.id in around)


def note(graph: Graph, sentence: str) -> Graph:
    """`graph` with one more sentence in `meta["notes"]`."""
    notes = (*graph.meta.get("notes", ()), sentence)
    return replace(graph, meta={**graph.meta, "notes": notes})
