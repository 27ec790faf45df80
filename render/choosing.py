"""Chooses the picture that a deck tells: gradients drawn, loops by their first, second and last turn, on a slide."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from render import text
from render.errors import RenderError
from render.fit import LOOP, fitted, least
from render.page import smallest
from render.views.asking import asked
from render.views.auto import count_boxes
from render.views.closing import close
from render.views.merging import step, turns

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.page import Target
    from tracer.graph import Graph, Scope

_TURNS: Final = asked("time:steps=3")  # the first, the second and the last
_MOST: Final = 60  # boxes of a picture with turns of a loop
MAX_DRAWN: Final = 400  # operations; of more nobody could read a word on a slide
LESS: Final = "draw a part, --view focus:around=NAME, or less with --level module or --depth N"


def readable(drawing: Drawing) -> Drawing:
    """The drawing as it is told: gradients are drawn, and the turns of a loop, rather than one that stands for all."""
    told = _with_gradients(drawing)
    along = _along(told)
    return told if along is None else along


def on_page(drawing: Drawing, pages: Sequence[Target]) -> Drawing:
    """The drawing fitted to the first page that will do; where none will, smaller than can be read with ease.

    Raises:
        RenderError: It would be far too small.
    """
    _refused_if_hopeless(drawing)
    ways = [*_ways(_with_gradients(drawing))]
    found: list[Drawing] = []
    for each in ways:
        with contextlib.suppress(RenderError):
            found.append(fitted(each, *pages))
            if not _hides_a_loop(found[-1].view):
                return found[-1]
    rivals = found[:1] or [replace(ways[0], page=page) for page in pages]
    return max(rivals, key=lambda each: smallest(each.scene))


def _refused_if_hopeless(drawing: Drawing) -> None:
    """Ends it here, before hundreds of layouts are tried, where no drawing can have few enough operations.

    Raises:
        RenderError: So many neither repeat nor lie in modules; the message says what to draw instead.
    """
    if len(drawing.view.nodes) <= MAX_DRAWN or len(least(drawing).nodes) <= MAX_DRAWN:
        return
    raise RenderError(
        f"{text.elide(text.clean(drawing.graph.name), 60)} has {text.count(len(least(drawing).nodes))} operations that "
        f"neither repeat nor lie in modules that could be closed (a deck has room for {MAX_DRAWN}): {LESS}"
    )


def _with_gradients(drawing: Drawing) -> Drawing:
    options = drawing.options
    if {"gradients", "backward"} & {*options.hide, *options.show}:
        return drawing
    return replace(drawing, options=replace(options, show=(*options.show, "gradients")))


def _ways(told: Drawing) -> Iterator[Drawing]:
    """What may be drawn, the best first.

    Of a loop its turns, those with fewer words, all but the first closed; the loop drawn once; a box for each turn.
    """
    along = _along(told)
    if along is not None:
        yield along
        yield replace(along, options=replace(along.options, hide=(*along.options.hide, "norms", "counts")))
    yield from _closed(told, 1)
    yield told
    yield from _closed(told, 0)


def _along(told: Drawing) -> Drawing | None:
    """The drawing with turns of a loop as columns; None where there is no such loop, or too much in its turns."""
    if not _is_free(told) or not any(turns(scope) > 1 and scope.attrs.get("carried") for scope in told.view.scopes):
        return None
    along = replace(told, options=replace(told.options, view=_TURNS))
    return along if _has_turns(along.view) and count_boxes(along.view) <= _MOST else None


def _closed(told: Drawing, first: int) -> Iterator[Drawing]:
    """The drawing with a box for each turn of a loop from turn `first` on (counted from 0), those before it open."""
    if not _is_free(told):
        return
    along = replace(told, options=replace(told.options, view=_TURNS))
    closing: dict[int, Scope] = {}
    for scope in along.view.scopes:  # outer ones first
        around, turn = None if scope.parent is None else closing.get(scope.parent), step(scope)
        if around is not None or (turn is not None and turn >= first):
            closing[scope.id] = around or scope
    closed = close(along.view, closing)
    if closing and count_boxes(closed) <= _MOST:
        yield replace(along, drawn=closed)


def _has_turns(graph: Graph) -> bool:
    return any(step(scope) is not None for scope in graph.scopes)


def _hides_a_loop(graph: Graph) -> bool:
    """Whether all turns of a loop are one box, of which one sees nothing."""
    loops = {scope.id for scope in graph.scopes if scope.kind == "loop" and step(scope) is None}
    return any(node.op == LOOP and node.scope in loops for node in graph.nodes)


def _is_free(drawing: Drawing) -> bool:
    """Whether the user left open what is drawn."""
    options = drawing.options
    return drawing.drawn is None and options.level == "auto" and options.depth is None and not options.view
