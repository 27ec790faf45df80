"""Puts what an engine found into the scene: sizes, paths of values and gradients, the picture's bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from render.layout.outline import land
from render.layout.routes import beziers
from render.layout.sheet import TWIN
from render.scene import Point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Plan
    from render.layout.routes import Run
    from render.scene import Box, Edge, Scene

MARGIN = 16.0
LINE_HEIGHT = 1.2


def finish(
    plan: Plan, at: Mapping[int, Point], runs: Mapping[int, Sequence[Run]], labels: Mapping[int, Point]
) -> Scene:
    """The placed scene. Of edges that share a line and its label, the first keeps the label.

    Args:
        plan: The scene and the sizes of its boxes; points and sizes are along and across the flow.
        at: Near corner of each box, by number.
        runs: The straight parts of each edge that was placed.
        labels: Centres of labels, by number of the edge.
    """
    scene = plan.scene
    boxes = []
    for index, box in enumerate(scene.boxes):
        x, y = _turn(plan, at[index])
        width, height = _turn(plan, (plan.length[index], plan.breadth[index]))
        boxes.append(replace(box, x=x, y=y, width=width, height=height))
    by_id = {box.id: box for box in boxes}
    number = {edge.id: index for index, edge in enumerate(scene.edges)}
    with_twin = {edge.twin for edge in scene.edges if edge.twin is not None}
    edges, labelled = [], set[Point]()
    for index, edge in enumerate(scene.edges):
        if index in runs:
            path = beziers(runs[index], -TWIN if edge.id in with_twin else 0.0)
        else:
            path = beziers(runs[number[edge.twin or ""]], TWIN)[::-1]
        turned = tuple(_turn(plan, point) for point in path)
        path_on_outlines = land(turned, by_id[edge.tail], by_id[edge.head])
        label_at = labels.get(index)
        if label_at is None or label_at in labelled:
            edges.append(replace(edge, path=path_on_outlines, label=None))
        else:
            labelled.add(label_at)
            edges.append(replace(edge, path=path_on_outlines, label_at=_turn(plan, label_at)))
    return bounded(replace(scene, boxes=tuple(boxes), edges=tuple(edges)))


def _turn(plan: Plan, point: Point) -> Point:
    return point if plan.across else (point[1], point[0])


def bounded(scene: Scene) -> Scene:
    """The scene moved so that everything in it lies in the picture, with a margin, and the picture's size."""
    spans = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in scene.boxes]
    spans += [(*point, *point) for edge in scene.edges for point in edge.path]
    spans += [_label_span(edge) for edge in scene.edges if edge.label is not None]
    if not spans:
        return replace(scene, width=2 * MARGIN, height=2 * MARGIN)
    left, top = MARGIN - min(span[0] for span in spans), MARGIN - min(span[1] for span in spans)
    width, height = max(span[2] for span in spans) + left, max(span[3] for span in spans) + top
    return replace(
        scene,
        boxes=tuple(_moved_box(box, left, top) for box in scene.boxes),
        edges=tuple(_moved_edge(edge, left, top) for edge in scene.edges),
        width=round(width + MARGIN, 2),
        height=round(height + MARGIN, 2),
    )


def _label_span(edge: Edge) -> tuple[float, float, float, float]:
    assert edge.label is not None
    (x, y), wide, high = edge.label_at, edge.label.width / 2, edge.label.size * LINE_HEIGHT / 2
    return (x - wide, y - high, x + wide, y + high)


def _moved_box(box: Box, left: float, top: float) -> Box:
    return replace(
        box, x=round(box.x + left, 2), y=round(box.y + top, 2), width=round(box.width, 2), height=round(box.height, 2)
    )


def _moved_edge(edge: Edge, left: float, top: float) -> Edge:
    path = tuple((round(x + left, 2), round(y + top, 2)) for x, y in edge.path)
    if edge.label is None:
        return replace(edge, path=path)
    x, y = edge.label_at
    return replace(edge, path=path, label_at=(round(x + left, 2), round(y + top, 2)))
