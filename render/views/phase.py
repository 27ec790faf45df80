"""The view `phase`: only the operations of the phases asked for."""

from __future__ import annotations

from collections.abc import Sequence

from render.errors import wrong_choice
from render.views import register
from render.views.subgraph import with_nodes
from tracer.graph import Graph, Phase

PHASES: tuple[Phase, ...] = ("forward", "backward", "update")


@register("phase", help_text="only the operations of forward, backward or update")
def phase(graph: Graph, *, keep: Sequence[str] = ("forward",)) -> Graph:
    """The graph without the operations of other phases.

    Args:
        graph: Any graph.
        keep: The phases to keep, of `forward`, `backward` and `update`.

    Raises:
        RenderError: `keep` names something else.
    """
    for each in keep:
        if each not in PHASES:
            raise wrong_choice("phase", each, PHASES)
    if all(node.phase in keep for node in graph.nodes):
        return graph
    return with_nodes(graph, (node for node in graph.nodes if node.phase in keep))
