"""Counts the parameters of modules and loops, and their gradients, also of those that are drawn only in part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from render.views.merging import copies
from tracer.graph import Graph, Node, Scope, Value


def parameters(graph: Graph) -> Mapping[int, int]:
    """Elements of all parameters read in each module and loop, shared ones counted once, by scope id.

    Copies that are drawn once count each, but a scope that stands for several counts as one. What a view that left
    something out has noted of a scope (`noted`) goes before what is left.
    """
    sizes: dict[int, dict[int, int]] = {}
    weights = copies(graph, weights=True)
    for node, scope, read in _readers(graph):
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


def whole(graph: Graph) -> Graph:
    """`graph` with the parameters of its modules and the norms of their gradients noted, before some are left out."""
    norms: dict[int, dict[int, float]] = {}
    for _, scope, read in _readers(graph):
        found = ((value.id, value.grad.norm) for value in read if value.grad is not None)
        norms.setdefault(scope.id, {}).update((value, norm) for value, norm in found if norm is not None)
    scopes = (
        replace(scope, attrs={"gradient": math.hypot(*norms[scope.id].values()), **scope.attrs})
        if scope.kind == "module" and norms.get(scope.id)
        else scope
        for scope in graph.scopes
    )
    return noted(replace(graph, scopes=tuple(scopes)), parameters(graph))


def gradient(scope: Scope) -> float | None:
    """The norm that was noted on a module; None where there is none."""
    found = scope.attrs.get("gradient") if scope.kind == "module" else None
    return found if isinstance(found, float) else None


def _readers(graph: Graph) -> Iterator[tuple[Node, Scope, Sequence[Value]]]:
    """Each operation that reads parameters, with each scope it lies in, and the parameters."""
    for node in graph.nodes:
        read = [graph.value_by_id[value] for value in node.inputs if graph.value_by_id[value].kind == "parameter"]
        for scope in graph.path(node.scope) if read else ():
            yield node, scope, read
