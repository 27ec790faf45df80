"""Where the numbers of a pass go wrong: the first result without a number, or with an infinity nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer.graph import Graph, Node, Value


def first_trouble(graph: Graph) -> tuple[int | None, int | None]:
    """The ids of the first troubled result of the forward pass and of the operation that made it; None without any."""
    for node in graph.nodes:
        if node.phase == "forward":
            for value in map(graph.value_by_id.__getitem__, node.outputs):
                if _is_troubled(graph, node, value):
                    return value.id, node.id
    return None, None


def _is_troubled(graph: Graph, node: Node, value: Value) -> bool:
    if value.data is None:
        return False
    return value.data.nan > 0 or (value.data.inf > 0 and not _is_asked_for(graph, node))


def _is_asked_for(graph: Graph, node: Node) -> bool:
    """Whether the author wrote the infinity himself, as for the mask of an attention, or it came in with an operand."""
    operands = (graph.value_by_id[value].data for value in node.inputs)
    return any(data is not None and data.inf > 0 for data in operands) or any(map(_is_infinite, node.attrs.values()))


def _is_infinite(argument: object) -> bool:
    return str(argument) in ("inf", "-inf")  # a graph that was saved holds it as text
