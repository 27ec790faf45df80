"""JSON: every captured fact, whatever is drawn, for `tracer.load` and other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from render.formats import register

if TYPE_CHECKING:
    from render.drawing import Drawing


@register("json", suffixes=(".json",), mime="application/json", help_text="every captured fact, to draw again later")
def write(drawing: Drawing, *, indent: int | None = None) -> str:
    """The whole graph as `Graph.to_json` writes it.

    Args:
        drawing: What to write; its options play no part.
        indent: Spaces per level; the shortest text unless given.
    """
    return drawing.graph.to_json(indent=indent) + "\n"
