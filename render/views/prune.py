"""The view `prune`: without the operations that made the inputs and parameters, and without what led nowhere."""

from __future__ import annotations

from dataclasses import replace

from render.views import register
from render.views.subgraph import with_nodes
from tracer.graph import Graph, Node, Value

_OUTSIDE = ("input", "parameter", "buffer", "constant")


@register("prune", help_text="without factories (randn, zeros, ...), initialisation and results that nothing uses")
def prune(graph: Graph) -> Graph:
    """The graph as a reader thinks of it: tensors come in, operations work on them, results come out.

    Dropped are operations that read no tensor (`randn`, `arange`: their results are drawn as inputs), operations whose
    results are parameters or buffers (initialisation, running statistics), and operations of the forward pass whose
    results nothing uses, unless the author gave them a name. A failed operation always stays. A factory's
    result without a name becomes a constant that bears the name of the factory.
    """
    made = [node for node in graph.nodes if node.error is not None or not _prepares(graph, node)]
    kept = _used(graph, made)
    return replace(with_nodes(graph, kept), values=_constants_named(graph, kept))


def prune_but_factories(graph: Graph) -> Graph:
    """The same, but factories stay: of a module that is closed afterwards, what is made inside it is no input."""
    made = [node for node in graph.nodes if node.error is not None or not node.inputs or not _prepares(graph, node)]
    return with_nodes(graph, _used(graph, made))


def _prepares(graph: Graph, node: Node) -> bool:
    """Whether the node only brings tensors into being: a factory, or the initialisation of a parameter or buffer."""
    if node.phase != "forward":
        return False
    if not node.inputs:
        return True
    kinds = [graph.value_by_id[value].kind for value in node.outputs]
    return bool(kinds) and all(kind in _OUTSIDE for kind in kinds)


def _used(graph: Graph, nodes: list[Node]) -> list[Node]:
    """The nodes that lead to a result which is wanted: an output, or one the author named; all where none does."""
    ends = {*graph.outputs, *(() if graph.loss is None else (graph.loss.id,))}
    used: set[int] = set()
    alive: set[int] = set()
    for node in reversed(nodes):
        wanted = node.phase != "forward" or node.error is not None
        wanted = wanted or any(value in used or value in ends or is_named(graph, value) for value in node.outputs)
        if wanted:
            alive.add(node.id)
            used.update(node.inputs)
    return [node for node in nodes if node.id in alive] or nodes


def is_named(graph: Graph, value: int) -> bool:
    """Whether the author named this result himself; a new version of a parameter or buffer only inherits its name."""
    found: Value | None = graph.value_by_id[value]
    if found is None or found.name is None:
        return False
    while found is not None and found.version_of is not None:
        found = graph.value_by_id.get(found.version_of)
    return found is None or found.kind not in ("parameter", "buffer")


def _constants_named(graph: Graph, kept: list[Node]) -> tuple[Value, ...]:
    """The graph's values, those that an unnamed factory call made as constants named after it."""
    read = {value for node in kept for value in node.inputs}
    staying = {node.id for node in kept}
    values = []
    for value in graph.values:
        maker = graph.producer.get(value.id)
        if value.name is None and value.kind == "input" and value.id in read and maker and maker.id not in staying:
            scope = graph.scope_by_id.get(maker.scope) if maker.scope is not None else None
            called = scope.name if scope is not None and scope.kind == "function" else maker.op
            value = replace(value, name=called, kind="constant")
        values.append(value)
    return tuple(values)
