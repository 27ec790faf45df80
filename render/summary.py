"""What was captured, in a few words: passes, operations, tensors, the loss."""

from __future__ import annotations

from render import draw, text
from tracer.graph import Graph


def described(graph: Graph, passes: int) -> str:
    """What was captured, in a line.

    Args:
        graph: One pass.
        passes: How many there were.
    """
    operations, tensors = count(graph)
    which = f"pass {graph.meta.get('pass', 1)} of {passes}" if passes > 1 else "pass 1"
    failed = ", up to the failure" if graph.meta.get("error") else ""
    ending = f", loss {loss(graph)}" if loss(graph) else ""
    return f"{which}{failed}: {plural(operations, 'operation')}, {plural(tensors, 'tensor')}{ending}"


def count(graph: Graph) -> tuple[str, str]:
    """Operations and tensors, at the level of the functions that the author called."""
    nodes = draw(graph, level="function").view.nodes
    return f"{len(nodes):,}", f"{len({value for node in nodes for value in node.inputs + node.outputs}):,}"


def plural(number: str, noun: str) -> str:
    """`1 operation`, `2 operations`."""
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def loss(graph: Graph) -> str:
    """The loss as pictures tell it; empty where there is none."""
    stats = graph.loss.data if graph.loss is not None else None
    value = stats.value if stats is not None else None
    return text.number(value) if isinstance(value, (int, float)) else ""
