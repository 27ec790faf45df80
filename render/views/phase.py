"""The view `phase`: only the operations of the phases asked for."""

from __future__ import annotations

from typing import get_args

from render.errors import wrong_choice
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
        RenderError: `keep` names something else.
    """
    for each in keep:
        if each not in PHASES:
            raise wrong_choice("phase", each, PHASES)
    if all(node.phase in keep for node in graph.nodes):
        return graph
    return with_nodes(graph, (node for node in graph.nodes if node.phase in keep))
