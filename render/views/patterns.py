"""Finds what a pattern means: modules by name or class, tensors by name; one that fits nothing is an error."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from render.errors import no_match
from tracer.graph import Graph, Scope, ScopeKind


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of the patterns, in which `*` stands for anything and `?` for one character."""
    return any(name == each or fnmatchcase(name, each) for each in patterns)


def matching(graph: Graph, kind: ScopeKind, names: Iterable[str], types: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of a kind whose name fits one of `names` or whose type fits one of `types`, in the order they ran.

    Raises:
        RenderError: A pattern fits nothing, in a graph where something ran.
    """
    scopes = [scope for scope in graph.scopes if scope.kind == kind]
    named = meant(graph, kind, names, (scope.name for scope in scopes))
    typed = meant(graph, f"type of {kind}", types, (scope.type for scope in scopes))
    return tuple(scope for scope in scopes if scope.name in named or scope.type in typed)


def meant(graph: Graph, what: str, patterns: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """The names that patterns mean; a pattern that fits none whole means what ends so (`attn`: `layers.0.attn`).

    Raises:
        RenderError: A pattern means nothing, in a graph where something ran.
    """
    known = dict.fromkeys(names)
    found: list[str] = []
    for pattern in patterns:
        whole = [name for name in known if fits(name, (pattern,))]
        named = whole or [name for name in known if fits(name, (f"*.{pattern}",))]
        if graph.nodes and not named:
            raise no_match(what, pattern, known)
        found += named
    return frozenset(found)


def inside(graph: Graph, scopes: Iterable[int]) -> frozenset[int]:
    """Those scopes and all that lie in them, by id."""
    found = set(scopes)
    for scope in graph.scopes:  # a parent stands before its children
        if scope.parent in found:
            found.add(scope.id)
    return frozenset(found)
