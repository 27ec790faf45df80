"""Puts what an engine found into the scene: sizes, paths of values and gradients, the picture's bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from render.layout.outline import land
from render.layout.routes import beziers
from render.layout.sheet import TWIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Plan
    from render.layout.routes import Run
    from render.scene import Point, Scene

    Rect = tuple[float, float, float, float]

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
    number = {edge.id: index for index, edge in enumerate(scene.edges)}
    with_twin = {edge.twin for edge in scene.edges if edge.twin is not None}
    paths: list[Sequence[Point]] = []
    centres: list[Point | None] = []
    labelled: set[Point] = set()
    for index, edge in enumerate(scene.edges):
        if index in runs:
            path = beziers(runs[index], -TWIN if edge.id in with_twin else 0.0)
        else:
            path = beziers(runs[number[edge.twin or ""]], TWIN)[::-1]
        paths.append(path if plan.across else [(y, x) for x, y in path])
        centre = labels.get(index)
        centres.append(None if centre is None or centre in labelled else _turn(plan, centre))
        labelled.update(() if centre is None else (centre,))
    corners = [_turn(plan, at[index]) for index in range(len(scene.boxes))]
    sizes = [_turn(plan, size) for size in zip(plan.length, plan.breadth, strict=True)]
    rects = [(*corner, *size) for corner, size in zip(corners, sizes, strict=True)]
    boxes = tuple(plan.titled.get(index, box) for index, box in enumerate(scene.boxes))
    return settle(replace(scene, boxes=boxes), rects, paths, centres)


def _turn(plan: Plan, point: Point) -> Point:
    return point if plan.across else (point[1], point[0])


def settle(
    scene: Scene,
    rects: Sequence[Rect],
    paths: Sequence[Sequence[Point]],
    centres: Sequence[Point | None],
) -> Scene:
    """The scene with everything in its place: moved so that all of it lies in the picture, with a margin.

    Args:
        scene: What is placed.
        rects: Left, top, width and height of each box.
        paths: Of each edge, between points on the bounding rectangles of its boxes; they are moved onto the outlines.
        centres: Of the label of each edge; None for one that is not drawn.
    """
    left, top, right, bottom = _bounds(scene, rects, paths, centres)
    x, y = MARGIN - left, MARGIN - top
    boxes = tuple(
        replace(
            box,
            x=round(rect[0] + x, 2),
            y=round(rect[1] + y, 2),
            width=round(rect[2], 2),
            height=round(rect[3], 2),
            title=round(box.title, 2),
        )
        for box, rect in zip(scene.boxes, rects, strict=True)
    )
    by_id = {box.id: box for box in boxes}
    edges = []
    for edge, path, centre in zip(scene.edges, paths, centres, strict=True):
        moved = land([(px + x, py + y) for px, py in path], by_id[edge.tail], by_id[edge.head])
        edges.append(
            replace(
                edge,
                path=tuple([(round(px, 2), round(py, 2)) for px, py in moved]),
                label=None if centre is None else edge.label,
                label_at=(0.0, 0.0) if centre is None else (round(centre[0] + x, 2), round(centre[1] + y, 2)),
            )
        )
    width, height = round(right + x + MARGIN, 2), round(bottom + y + MARGIN, 2)
    return replace(scene, boxes=boxes, edges=tuple(edges), width=width, height=height)


def _bounds(
    scene: Scene, rects: Sequence[Rect], paths: Sequence[Sequence[Point]], centres: Sequence[Point | None]
) -> Rect:
    """Left, top, right and bottom of all there is."""
    xs: list[float] = []
    ys: list[float] = []
    for x, y, width, height in rects:
        xs += (x, x + width)
        ys += (y, y + height)
    for path in paths:
        xs += [point[0] for point in path]
        ys += [point[1] for point in path]
    for edge, centre in zip(scene.edges, centres, strict=True):
        if edge.label is not None and centre is not None:
            wide, high = edge.label.width / 2, edge.label.size * LINE_HEIGHT / 2
            xs += (centre[0] - wide, centre[0] + wide)
            ys += (centre[1] - high, centre[1] + high)
    return (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, 0.0, 0.0)
