"""Chooses what is drawn: from a captured graph to the level asked for, or to the most detail that still reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from render.errors import RenderError, wrong_choice
from render.views.autograd import autograd
from render.views.collapse import LEVELS, check_depth, collapse
from render.views.phase import phase
from render.views.prune import prune
from render.views.skip import skip
from render.views.subgraph import note
from tracer.graph import Graph

CHOICES: Final = ("auto", *LEVELS, "autograd")
MAX_BOXES: Final = 60  # more do not read in one figure


def select(graph: Graph, *, level: str = "auto", depth: int | None = None, items: frozenset[str]) -> Graph:
    """The graph as it is to be drawn; sentences about what was closed are added to `meta["notes"]`.

    Args:
        graph: As captured.
        level: `kernel`, `function`, `module`, `autograd`, or `auto` for functions where they are at most 60 boxes and
            otherwise the deepest level of modules that is.
        depth: Modules nested deeper than this are closed.
        items: What is to be shown; `backward` and `views` matter here.

    Raises:
        RenderError: Another level, a wrong depth, or a depth for the autograd level.
    """
    if level not in CHOICES:
        raise wrong_choice("level", level, CHOICES)
    check_depth(depth)
    kept = graph if "backward" in items else phase(graph)
    if level == "autograd":
        if depth is not None:
            raise RenderError("the autograd level has no modules to close: leave out depth, or choose level 'function'")
        return autograd(prune(kept))
    if level == "auto" and depth is None:
        return _fitting(kept, items)
    return _leaving(collapse(kept, level="function" if level == "auto" else level, depth=depth), items)


def boxes(graph: Graph) -> int:
    """About how many boxes a drawing of the graph has: its operations and what comes into it."""
    read = dict.fromkeys(value for node in graph.nodes for value in node.inputs)
    outside = sum(graph.value_by_id[value].kind in ("input", "constant") for value in read)
    return len(graph.nodes) + outside


def _leaving(graph: Graph, items: frozenset[str]) -> Graph:
    """What is left once calls are closed: a factory inside a closed module is no input of it."""
    pruned = prune(graph)
    return pruned if "views" in items else skip(pruned)


def _fitting(graph: Graph, items: frozenset[str]) -> Graph:
    """The most detailed level with at most `MAX_BOXES` boxes; the least detailed where none has so few."""
    whole = _leaving(collapse(graph), items)
    if boxes(whole) <= MAX_BOXES or not any(scope.kind == "module" for scope in whole.scopes):
        return whole
    for closed, sentence in _closings(graph, items, boxes(whole)):
        if boxes(closed) <= MAX_BOXES:
            return note(closed, sentence)
    return note(closed, sentence)


def _closings(graph: Graph, items: frozenset[str], before: int) -> Iterator[tuple[Graph, str]]:
    """Ever fewer boxes: innermost modules closed, then those below each depth down to the outermost."""
    closed = _leaving(collapse(graph, level="module"), items)
    drawn = f"to draw {boxes(closed)} boxes instead of {before:,}"
    yield closed, f"closed the innermost modules {drawn}; --level function opens them"
    for depth in range(_deepest(graph) - 1, -1, -1):
        closed = _leaving(collapse(graph, level="module", depth=depth), items)
        drawn = f"to draw {boxes(closed):,} boxes instead of {before:,}"
        yield closed, f"closed modules below depth {depth} {drawn}; --depth {depth + 1} opens more"


def _deepest(graph: Graph) -> int:
    """How many modules lie around the most deeply nested call."""
    deep: dict[int | None, int] = {None: 0}
    for scope in graph.scopes:
        deep[scope.id] = deep[scope.parent] + (scope.kind == "module")
    return max(deep.values())
