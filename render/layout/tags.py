"""Draws a hub once per use: small tags with its name stand beside its readers, instead of lines across the picture.

A weight or a mask that is read all along a run would send a line past everything there is: nobody can follow it, and
it takes layout more time than all other lines together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from render import text
from render.layout.late import clock, from_outside
from render.scene import Edge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.scene import Box, Scene, Text

SOURCE_USES: Final = 4  # ranks that lines lead to from what comes from outside (a weight, an input), at most
RESULT_USES: Final = 8  # and from what was computed: how values flow is what the picture is about
HEIGHT: Final = 24.0
PAD: Final = 14.0  # room around the name, both sides together
SLACK: Final = 1.08  # fonts differ
SIZE: Final = 12.5


def per_column(scene: Scene) -> Scene:
    """The scene with a tag in each turn of a loop drawn along time, of what comes from outside and several turns read.

    The tensor itself stands beside the columns, without a line across them all.

    Args:
        scene: Not yet placed.
    """
    column: dict[str, str | None] = {}  # in which each box lies
    for box in scene.boxes:
        column[box.id] = box.id if box.column is not None else column.get(box.group or "")
    if not any(column.values()):
        return scene
    boxes, computed = {box.id: box for box in scene.boxes}, {edge.head for edge in scene.edges if edge.kind == "value"}
    read: dict[str, dict[str, None]] = {}
    for edge in scene.edges:
        inside = column[edge.head]
        if edge.kind == "value" and inside is not None and edge.tail not in computed and column[edge.tail] is None:
            read.setdefault(edge.tail, {})[inside] = None
    shared = {hub for hub, columns in read.items() if len(columns) > 1 and boxes[hub].kind == "tensor"}
    uses = {
        edge.id: f"{edge.tail}_{boxes[edge.head].group}"
        for edge in scene.edges
        if edge.tail in shared and edge.kind == "value" and column[edge.head] is not None
    }
    return _tagged(scene, uses)


def per_use(scene: Scene) -> Scene:
    """The scene with a tag for each rank that reads a hub, but the first of them.

    An input is a hub also for what a module reads late of it: its labels, which are the words that went in. A tag is
    painted as the box it stands for and lies in the group of its reader. What goes along with the line to that reader
    (a gradient on its way back) goes to the tag.

    Args:
        scene: Not yet placed.
    """
    readers: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        if edge.kind == "value":
            readers.setdefault(edge.tail, []).append(edge)
    entering = {tail for tail in from_outside(scene) if len(readers[tail]) > 1}
    busy = {tail: edges for tail, edges in readers.items() if len(edges) > SOURCE_USES or tail in entering}
    if not busy:
        return scene
    when = clock(scene)
    computed = {edge.head for edges in readers.values() for edge in edges}
    group = {box.id: box.group for box in scene.boxes}
    tags: dict[str, str] = {}
    for hub, edges in busy.items():
        first = min((when[edge.head] for edge in edges), key=lambda each: each.rank)
        uses = {when[edge.head].rank for edge in edges}
        many = len(uses) > (RESULT_USES if hub in computed else SOURCE_USES)
        for edge in edges:
            here, inside = when[edge.head], group[edge.head]
            late = hub in entering and inside != group[hub] and here.is_late(first)
            if late or (many and here.rank != first.rank):
                tags[edge.id] = f"{hub}_{inside or 'top'}_{here.rank}"
    return _tagged(scene, tags)


def _tagged(scene: Scene, tags: Mapping[str, str]) -> Scene:
    """The scene with lines that come from tags, by id of the line; what has no name to put on a tag keeps its lines."""
    boxes, leaving = {box.id: box for box in scene.boxes}, dict[str, list[Edge]]()
    for edge in scene.edges:
        if edge.kind == "value":
            leaving.setdefault(edge.tail, []).append(edge)
    hubs = dict.fromkeys(edge.tail for edge in scene.edges if edge.id in tags)
    names = {hub: _name(boxes[hub], leaving[hub]) for hub in hubs}
    found: dict[str, Box] = {}
    tail_of: dict[str, str] = {}  # by id of the edge
    for edge in scene.edges:
        name = names[edge.tail] if edge.id in tags else None
        if name is not None:
            tail_of[edge.id] = tag = tags[edge.id]
            found.setdefault(tag, _tag(boxes[edge.tail], tag, name, boxes[edge.head]))
    edges = tuple(_tied(edge, tail_of) for edge in scene.edges)
    return replace(scene, boxes=(*scene.boxes, *found.values()), edges=edges)


def _name(box: Box, edges: Sequence[Edge]) -> Text | None:
    """What tags of a box say: the name of the tensor; of an operation, what stands on a line that leaves it."""
    if box.kind == "operation":
        label = next((edge.label for edge in edges if edge.label is not None), None)
        return (
            None
            if label is None
            else text.run(label.text.partition(" · ")[0], SIZE, label.color, subscript=label.subscript)
        )
    if not box.lines or not box.lines[0]:
        return None
    first = box.lines[0][0]
    return text.run(first.text, SIZE, first.color, bold=first.bold, subscript=first.subscript)


def _tag(box: Box, name: str, words: Text, reader: Box) -> Box:
    width = 2 * -(-(SLACK * words.width + PAD) // 2)
    return replace(
        box,
        id=name,
        kind="tag",
        lines=((words,),),
        outline="rect" if box.kind == "tensor" and box.outline == "rect" else "pill",
        stroke_width=min(box.stroke_width, 1.2),
        double=False,
        group=reader.group,
        order=reader.order,
        width=width,
        height=HEIGHT,
    )


def _tied(edge: Edge, tail_of: dict[str, str]) -> Edge:
    if edge.id in tail_of:
        return replace(edge, tail=tail_of[edge.id], label=None)
    if edge.twin in tail_of:
        return replace(edge, head=tail_of[edge.twin])
    return edge
