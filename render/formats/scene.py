"""Scene: every box and every routed arrow with its coordinates as JSON, for programs that draw or check them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from render import text
from render.formats import register

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.scene import Box, Edge, Point

_STEPS: Final = 12  # straight pieces that stand for one curved one


@register(
    "scene",
    suffixes=(".scene.json",),
    mime="application/json",
    help_text="boxes and routed arrows with coordinates, to draw or to check elsewhere",
    worded=True,
)
def write(drawing: Drawing) -> str:
    """The placed scene, in pixels of 1/96 inch from the top left; curves are sampled to points."""
    scene = drawing.scene
    said = {"title": drawing.options.title, "caption": drawing.options.caption}
    document = {
        **{key: words for key, words in said.items() if words},
        "width": scene.width,
        "height": scene.height,
        "boxes": [_box(box) for box in scene.boxes],
        "edges": [_edge(edge) for edge in scene.edges],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _box(box: Box) -> dict[str, object]:
    label = "\n".join(text.plain(line).strip() for line in box.lines)
    return {"id": box.id, "kind": box.kind, "x": box.x, "y": box.y, "w": box.width, "h": box.height, "label": label}


def _edge(edge: Edge) -> dict[str, object]:
    return {"from": edge.tail, "to": edge.head, "points": [[round(x, 2), round(y, 2)] for x, y in _points(edge.path)]}


def _points(path: tuple[Point, ...]) -> list[Point]:
    """The corners of a path of cubic Bezier pieces, and points between them where a piece is curved."""
    points = list(path[:1])
    for at in range(0, len(path) - 1, 3):
        start, first, second, end = path[at : at + 4]
        straight = _on_line(start, end, first) and _on_line(start, end, second)
        points += [end] if straight else [_between(start, first, second, end, k / _STEPS) for k in range(1, _STEPS + 1)]
    return points


def _on_line(start: Point, end: Point, point: Point) -> bool:
    """Whether `point` is less than a hundredth of a pixel off the line."""
    (x, y), (along, across) = start, (end[0] - start[0], end[1] - start[1])
    off = abs((point[0] - x) * across - (point[1] - y) * along)
    return off <= 0.01 * max(abs(along), abs(across))


def _between(start: Point, first: Point, second: Point, end: Point, t: float) -> Point:
    """The point of a cubic Bezier curve at `t` of its way, by Bernstein's polynomials."""
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
    x, y = (a * start[axis] + b * first[axis] + c * second[axis] + d * end[axis] for axis in (0, 1))
    return x, y
