"""Drawing: from a `Graph` to a picture in any format (`render`, `save`), a notebook cell or a placed `Scene`.

Nothing here imports torch; `make_dot`, torchviz's call, loads it when it is used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from render import options as _options
from render.drawing import Drawing as Drawing
from render.embedding import words
from render.errors import RenderError as RenderError
from render.scene import Scene as Scene
from tracer.graph import Graph

__all__ = ["Drawing", "RenderError", "Scene", "draw", "figures", "make_dot", "mimebundle", "picture", "render", "save"]


def draw(graph: Graph, **options: Any) -> Drawing:
    """A graph with the options of its picture, to be written in one format or several.

    Args:
        graph: As captured or loaded.
        **options: Any of `render.options.Options` (`level`, `view`, `theme`, ...); others are passed to the format
            (`dpi` for PNG).

    Returns:
        A `Drawing`: `.render(format)`, `.save(path)`, `.scene`, `.notes`.

    Raises:
        RenderError: A choice that is not there (the message lists those that are), or no drawing fits the page.
    """
    (drawing, *others) = figures(graph, **options)
    if others:
        raise RenderError(f"it takes {len(others) + 1} figures: render.figures gives them all")
    return drawing


def figures(graph: Graph, **options: Any) -> tuple[Drawing, ...]:
    """The drawings of a graph: one, or with `split=True` as many as it takes to read all of it on the page asked for.

    Args:
        graph: As captured or loaded.
        **options: As for `draw`.

    Raises:
        RenderError: As for `draw`, or it would take too many.
    """
    common = {name: options.pop(name) for name in _options.OPTIONS if name in options}
    chosen = {name: given for name, given in common.items() if given is not None}
    drawing = Drawing(graph, _options.checked(**{**words(graph), **chosen}), options)
    targets = drawing.options.targets
    if not targets:
        return (drawing,)
    from render import fit, split  # here, for most pictures are fitted to no page

    return split.figures(drawing, *targets) if drawing.options.split else (fit.fitted(drawing, *targets),)


def render(graph: Graph, format: str = "svg", **options: Any) -> str | bytes:  # noqa: A002 - the word for it
    """The picture of a graph.

    Args:
        graph: As captured or loaded.
        format: Name of a format, such as `svg` or `pdf` (`graphtrace list formats` tells them all).
        **options: As for `draw`.

    Returns:
        Text, or bytes where the format is binary.

    Raises:
        RenderError: A choice that is not there, or a picture that cannot be made; the message says what to do.
    """
    return draw(graph, **options).render(format)


def save(graph: Graph, path: str | os.PathLike[str], **options: Any) -> Path:
    """Writes the picture of a graph to a file; a file already there is replaced only once the new one is complete.

    Args:
        graph: As captured or loaded.
        path: The suffix says the format (`.svg`, `.pdf`, `.png`, ...; see `graphtrace list formats`).
        **options: As for `draw`.

    Returns:
        The path written.

    Raises:
        RenderError: A choice that is not there, a folder that is missing or read-only; the message says what to do.
    """
    return draw(graph, **options).save(path)


def picture(graph: Graph, **options: Any) -> Scene:
    """The placed scene of a graph: every box, arrow and label with its coordinates (options as for `draw`)."""
    return draw(graph, **options).scene


def mimebundle(graph: Graph) -> dict[str, str]:
    """What a notebook cell shows of a graph: the SVG picture, and a text for where pictures cannot be shown."""
    drawing = draw(graph)
    return {"image/svg+xml": str(drawing.render("svg", embed=False)), "text/plain": str(drawing.render("text"))}


def make_dot(var: Any, params: Any = None, **options: Any) -> Any:
    """The call that torchviz has: the autograd graph behind a tensor as a `graphviz.Digraph` (`render.torchviz`)."""
    from render.torchviz import make_dot as draw_autograd

    return draw_autograd(var, params, **options)
