"""The view `hide`: without some modules, functions or tensors; what read their results reads what they were given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from render.errors import RenderError
from render.views import register
from render.views.counts import noted, parameters
from render.views.patterns import inside, matching, meant
from render.views.subgraph import with_nodes
from tracer.graph import Graph, Node


@register("hide", help_text="without some modules, functions or tensors, as if values had passed them by", bare=False)
def hide(
    graph: Graph,
    *,
    module: tuple[str, ...] = (),
    type: tuple[str, ...] = (),  # noqa: A002 - the word for it
    function: tuple[str, ...] = (),
    tensor: tuple[str, ...] = (),
) -> Graph:
    """The graph with operations left out; what read a result of theirs reads the first tensor they were given instead.

    Args:
        graph: Any graph.
        module: Hide modules of that name (`encoder.drop*`).
        type: Hide modules of that class (`Dropout`).
        function: Hide calls of functions of that name (`dropout`).
        tensor: Hide tensors of that name as operands.

    Raises:
        RenderError: A pattern matches nothing, or nothing is left.
    """
    functions = [scope for scope in graph.scopes if scope.kind == "function"]
    called = meant(
        graph, "function", function, [*(node.op for node in graph.nodes), *(each.name for each in functions)]
    )
    named = meant(graph, "tensor", tensor, [value.name for value in graph.values if value.name])
    hiding = (*matching(graph, "module", module, type), *(each for each in functions if each.name in called))
    gone = inside(graph, (scope.id for scope in hiding))
    hidden = {value.id for value in graph.values if value.name in named}
    instead: dict[int, int] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(instead.get(value, value) for value in node.inputs if value not in hidden)
        if node.scope in gone or node.op in called:
            instead.update(_bypass(graph, node, inputs))
        else:
            kept.append(node if inputs == node.inputs else replace(node, inputs=inputs))
    if graph.nodes and not kept:
        raise RenderError("nothing is left to draw: hide fewer modules and functions")
    if tuple(kept) == graph.nodes:
        return graph
    return noted(_ends(with_nodes(graph, kept), graph, instead), parameters(graph))


def _bypass(graph: Graph, node: Node, inputs: tuple[int, ...]) -> Mapping[int, int]:
    """For each result of a hidden operation, what stands for it: the first operand that is no weight."""
    weights = ("parameter", "buffer", "constant")
    given = next((value for value in inputs if graph.value_by_id[value].kind not in weights), None)
    return {} if given is None else dict.fromkeys(node.outputs, given)


def _ends(cut: Graph, whole: Graph, instead: Mapping[int, int]) -> Graph:
    """The cut graph with its outputs and its loss where they are now."""
    moved = None if whole.loss is None else instead.get(whole.loss.id)
    meta = cut.meta if moved is None else {**cut.meta, "loss": moved}
    made = {value for node in cut.nodes for value in node.outputs}
    ends = dict.fromkeys(instead.get(value, value) for value in whole.outputs)
    return replace(cut, meta=meta, outputs=tuple(value for value in ends if value in made or value in cut.outputs))
