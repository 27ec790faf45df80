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
    check(graph, kind, names, [scope.name for scope in scopes])
    check(graph, f"type of {kind}", types, [scope.type for scope in scopes])
    return tuple(scope for scope in scopes if fits(scope.name, names) or fits(scope.type, types))


def check(graph: Graph, what: str, patterns: Iterable[str], names: Iterable[str]) -> None:
    """Raises a RenderError where a pattern fits none of `names`; in an empty graph there is nothing to fit."""
    known = dict.fromkeys(names)
    for pattern in patterns if graph.nodes else ():
        if not any(fits(name, (pattern,)) for name in known):
            raise no_match(what, pattern, known)
