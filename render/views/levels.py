"""Chooses what is drawn: the level and the views that were asked for, or else the most detail that still reads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from render.errors import RenderError, wrong_choice
from render.views.asking import Asked
from render.views.auto import MAX_SHOWN, auto
from render.views.autograd import autograd
from render.views.backward import check_opposite
from render.views.collapse import check_depth, collapse
from render.views.phase import forward
from render.views.prune import prune
from render.views.skip import skip
from render.views.sums import sums_apart
from tracer.graph import Graph

# The words of --level, for short, and what each means as a view.
_COLLAPSED: Final = MappingProxyType({"module": "modules", "function": "functions", "kernel": "kernels"})
CHOICES: Final = ("auto", *_COLLAPSED, "autograd")


def select(
    graph: Graph,
    *,
    level: str = "auto",
    depth: int | None = None,
    items: frozenset[str],
    views: Sequence[Asked] = (),
    every: bool = False,
) -> Graph:
    """The graph as it is to be drawn; sentences about what was closed are added to `meta["notes"]`.

    The views are applied in their order, and nothing more is closed on its own. Before them stands the level: what
    `level` and `depth` say, else `auto` without views and functions with views, unless one of them sets the level.

    Args:
        graph: As captured.
        level: `kernel`, `function`, `module`, `autograd`, or `auto`.
        depth: Modules nested deeper than this are closed.
        items: What is to be shown; `backward` and `views` matter here.
        views: What was asked for by name.
        every: Draws every turn of what repeats where nobody asked, for each has numbers to compare.

    Raises:
        RenderError: Another level, a wrong depth, a depth for the autograd level, or what a view refuses.
    """
    if level not in CHOICES:
        raise wrong_choice("level", level, CHOICES)
    check_depth(depth)
    steps: list[Callable[[Graph], Graph]] = [each.apply for each in views]
    first = max((number for number, each in enumerate(views, 1) if each.view.level), default=0)
    if level != "auto" or depth is not None or not first:
        steps.insert(0, _level(level, depth, bool(views), every))
        first += 1
    whole = "backward" in items or any(each.view.phases for each in views)
    kept = sums_apart(graph) if whole else forward(graph)
    shown = _applied(kept, [*steps[:first], *_tidying(items), *steps[first:]])
    check_opposite(shown)
    return shown


def _level(level: str, depth: int | None, with_views: bool, every: bool) -> Callable[[Graph], Graph]:
    """What `level` and `depth` ask for, as a view."""
    if level == "autograd":
        if depth is not None:
            raise RenderError("the autograd level has no modules to close: leave out depth, or choose level 'function'")
        return lambda graph: autograd(prune(graph))
    if level == "auto" and depth is None and not with_views:
        return functools.partial(auto, boxes=MAX_SHOWN, every=True) if every else auto
    options: Mapping[str, str] = {"to": _COLLAPSED.get(level, "functions")}
    return lambda graph: collapse(graph, depth=depth, **options)  # type: ignore[arg-type]


def _tidying(items: frozenset[str]) -> Sequence[Callable[[Graph], Graph]]:
    """What follows once calls are closed: a factory inside a closed module is no input of it."""
    return (prune,) if "views" in items else (prune, skip)


def _applied(graph: Graph, steps: Sequence[Callable[[Graph], Graph]]) -> Graph:
    for step in steps:
        graph = step(graph)
    return graph
