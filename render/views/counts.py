"""Counts the parameters of modules and loops, also of those that are drawn only in part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from render.views.merging import copies
from tracer.graph import Graph


def parameters(graph: Graph) -> Mapping[int, int]:
    """Elements of all parameters read in each module and loop, shared ones counted once, by scope id.

    Copies that are drawn once count each, but a scope that stands for several counts as one. What a view that left
    something out has noted of a scope (`noted`) goes before what is left.
    """
    sizes: dict[int, dict[int, int]] = {}
    weights = copies(graph, weights=True)
    for node in graph.nodes:
        read = [graph.value_by_id[value] for value in node.inputs if graph.value_by_id[value].kind == "parameter"]
        for scope in graph.path(node.scope) if read else ():
            each = weights[node.scope] // weights[scope.id]
            sizes.setdefault(scope.id, {}).update((value.id, each * value.numel) for value in read)
    found = {}
    for scope in graph.scopes:
        if scope.kind != "function":
            told = scope.attrs.get("parameters")
            found[scope.id] = told if isinstance(told, int) else sum(sizes.get(scope.id, {}).values())
    return found


def noted(graph: Graph, counts: Mapping[int, int]) -> Graph:
    """`graph` with these counts noted on its modules and loops, for what follows to be left out from them."""
    scopes = (
        replace(scope, attrs={**scope.attrs, "parameters": counts[scope.id]}) if counts.get(scope.id) else scope
        for scope in graph.scopes
    )
    return replace(graph, scopes=tuple(scopes))
