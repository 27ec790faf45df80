"""The view `phase`: only the operations of the phases asked for."""

from __future__ import annotations

from typing import get_args

from render.errors import RenderError, wrong_choice
from render.views import register
from render.views.subgraph import with_nodes
from tracer.graph import Graph, Phase

PHASES: tuple[Phase, ...] = get_args(Phase)


@register("phase", help_text="only the operations of forward, backward or update", phases=True)
def phase(graph: Graph, *, keep: tuple[Phase, ...] = ("forward",)) -> Graph:
    """The graph without the operations of other phases.

    Args:
        graph: Any graph.
        keep: A phase to keep.

    Raises:
        RenderError: `keep` names something else, or none of these ran.
    """
    for each in keep:
        if each not in PHASES:
            raise wrong_choice("phase", each, PHASES)
    there = [each for each in PHASES if any(node.phase == each for node in graph.nodes)]
    if there and not set(there) & set(keep):
        raise RenderError(f"nothing is left to draw: no {' or '.join(keep)} ran; keep one of {', '.join(there)}")
    return _kept(graph, keep)


def forward(graph: Graph) -> Graph:
    """The graph without backward and the optimizer, whatever that leaves."""
    return _kept(graph, ("forward",))


def _kept(graph: Graph, phases: tuple[Phase, ...]) -> Graph:
    if all(node.phase in phases for node in graph.nodes):
        return graph
    return with_nodes(graph, (node for node in graph.nodes if node.phase in phases))
