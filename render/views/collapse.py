"""The view `collapse`: one operation for each call of a function or module, in place of what ran inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from render.errors import RenderError, wrong_choice
from render.views import register
from render.views.closing import close
from render.views.patterns import matching
from render.views.subgraph import note
from tracer.graph import Graph, Scope

LEVELS: Final = ("functions", "modules", "kernels")


@register(
    "collapse", help_text="one operation for each call of a function or module, instead of its kernels", level=True
)
def collapse(
    graph: Graph,
    *,
    to: Literal["functions", "modules", "kernels"] = "functions",
    depth: int | None = None,
    module: tuple[str, ...] = (),
    type: tuple[str, ...] = (),  # noqa: A002 - the word for it
) -> Graph:
    """The graph with calls closed into one operation each, down to what is asked for; see `render.views.closing`.

    Args:
        graph: Any graph.
        to: kernels closes nothing, functions the calls that the author wrote, modules also the innermost modules.
        depth: Close modules that are nested deeper (0: even the outermost).
        module: Close modules of that name (`layers.*`).
        type: Close modules of that class (`Linear`, `*Block`).

    Raises:
        RenderError: Another level, a depth that is no whole number from 0 up, or a pattern that matches nothing.
    """
    if to not in LEVELS:
        raise wrong_choice("value of collapse:to", to, LEVELS)
    check_depth(depth)
    chosen = {scope.id for scope in matching(graph, "module", module, type)}
    if to == "modules":
        chosen |= _leaf_modules(graph)
    closed = close(graph, _closing_scopes(graph, chosen, functions=to != "kernels", depth=depth))
    if (to == "modules" or depth is not None) and graph.nodes and all(each.kind != "module" for each in graph.scopes):
        return note(closed, "there are no modules to close here")
    return closed


def check_depth(depth: int | None) -> None:
    """Raises a RenderError unless `depth` is None or a whole number from 0 up."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise RenderError(f"depth must be a whole number from 0 up, not {depth!r}")


def _closing_scopes(graph: Graph, chosen: set[int], *, functions: bool, depth: int | None) -> Mapping[int, Scope]:
    """For each scope that lies in a closed one (or is one): the closed scope, by id.

    The outermost module that is to be closed wins; where none is, the outermost function inside the innermost module.
    """
    closing: dict[int, Scope] = {}
    module_depth: dict[int | None, int] = {None: 0}
    for scope in graph.scopes:  # a parent stands before its children
        above = None if scope.parent is None else closing.get(scope.parent)
        deep = module_depth[scope.parent]
        module_depth[scope.id] = deep + (scope.kind == "module")
        if above is not None and (above.kind == "module" or scope.kind != "module"):
            closing[scope.id] = above
        elif scope.kind == "module":
            if scope.id in chosen or (depth is not None and deep >= depth):
                closing[scope.id] = scope
        elif scope.kind == "function" and functions:
            closing[scope.id] = scope
    return closing


def _leaf_modules(graph: Graph) -> set[int]:
    """Ids of the module calls with no other module call inside."""
    modules = {scope.id for scope in graph.scopes if scope.kind == "module"}
    containers: set[int] = set()
    for scope in graph.scopes:
        if scope.kind == "module":
            parent = scope.parent
            while parent is not None and parent not in containers:
                containers.add(parent)
                parent = graph.scope_by_id[parent].parent
    return modules - containers
