"""Frames: the part of a placed scene that is visible at one moment; nothing in it moves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from render.scene import Box, Edge, Scene, Text

_PALE: Final = 0.22  # how much of its colour is left of what has not been reached yet
_LIT: Final = 2.0  # how much wider the border of what is active is


def frame(
    scene: Scene,
    visible: Collection[str],
    *,
    lit: Collection[str] = (),
    updated: Collection[str] = (),
    accent: str = "#1f2937",
    pale: bool = False,
) -> Scene:
    """The scene with only what is visible, in the same place and the same size.

    Args:
        scene: As layout placed it.
        visible: Ids of boxes and edges, and `ID-grad` for the gradient that box ID states.
        lit: Ids of the boxes and edges to stress.
        updated: Ids of the boxes whose weights have been changed: their border has the accent's colour too.
        accent: Colour of what is stressed.
        pale: Keeps the rest, in a pale colour, instead of leaving it out.
    """
    ground = scene.background or "#ffffff"
    boxes, edges = [], []
    for box in scene.boxes:
        shown = box if f"{box.id}-grad" in visible else _without_gradient(box)
        if box.id in visible:
            boxes.append(_stressed(shown, accent) if box.id in lit or box.id in updated else shown)
        elif pale:
            boxes.append(_faded(shown, ground))
    for edge in scene.edges:
        if edge.id in visible:
            edges.append(replace(edge, width=1.5 * edge.width) if edge.id in lit else edge)
        elif pale and edge.kind == "value":
            edges.append(_faded_edge(edge, ground))
    return replace(scene, boxes=tuple(boxes), edges=tuple(edges))


def _without_gradient(box: Box) -> Box:
    """The box with room where its gradient will stand."""
    lines = (tuple(replace(run, text="", subscript="") if run.gradient else run for run in line) for line in box.lines)
    return replace(box, lines=tuple(lines))


def _stressed(box: Box, accent: str) -> Box:
    return replace(box, stroke=accent, stroke_width=box.stroke_width + _LIT)


def _faded(box: Box, ground: str) -> Box:
    lines = tuple(tuple(_faded_text(run, ground) for run in line) for line in box.lines)
    return replace(box, lines=lines, fill=blend(box.fill, ground, 0.4), stroke=blend(box.stroke, ground, _PALE))


def _faded_text(run: Text, ground: str) -> Text:
    return replace(run, color=blend(run.color, ground, 0.45))


def _faded_edge(edge: Edge, ground: str) -> Edge:
    label = None if edge.label is None else _faded_text(edge.label, ground)
    return replace(edge, color=blend(edge.color, ground, _PALE), label=label)


def blend(color: str, ground: str, share: float) -> str:
    """`share` of one six-digit hex colour laid over another."""
    pairs = ((int(color[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * over + (1 - share) * under):02x}" for over, under in pairs)
