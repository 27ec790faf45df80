"""Checks the geometry of a placed scene: what overlaps, sticks out, cuts through a box or ends in the air."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from math import dist, hypot
from typing import TYPE_CHECKING, NamedTuple

from render import painting, text
from render.layout.outline import corner_radius, sheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from render.scene import Box, Edge, Label, Point, Scene, Text

SLACK = 0.6  # positions are rounded, and lines may touch
ON_BORDER = 2.0  # a line's end may be this far off the outline: strokes are wider than a point
LABEL_HEIGHT = 1.2  # in font sizes
TITLE_INSET = 12.0  # between the left edge of the room for a title and its words
TITLE_BASELINE, TITLE_STEP = 20.0, 16.0  # from the top of a group to the words of its title; to their next line


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


def problems(scene: Scene, *, lines: bool = True) -> list[str]:
    """Everything that is wrong with a placed scene, in words; empty for a sound one.

    Args:
        scene: As an engine gave it.
        lines: Whether lines through boxes and labels on foreign lines count (other programs do not rule them out).
    """
    found = [*_boxes(scene), *_texts(scene), *_ends(scene), *_labels(scene), *_words(scene), *_outside(scene)]
    return [*found, *_cuts(scene), *_titles(scene), *_heads(scene)] if lines else found


def rect(box: Box) -> Rect:
    return Rect(box.x, box.y, box.x + box.width, box.y + box.height)


def label_rect(edge: Edge) -> Rect:
    assert edge.label is not None
    (x, y), wide, high = edge.label_at, edge.label.width / 2, edge.label.size * LABEL_HEIGHT / 2
    return Rect(x - wide, y - high, x + wide, y + high)


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.left < other.right - SLACK
        and other.left < one.right - SLACK
        and one.top < other.bottom - SLACK
        and other.top < one.bottom - SLACK
    )


def words_rect(label: Label) -> Rect:
    """Where a line of the title, the caption or the legend stands."""
    line, size = painting.below(label), max((run.size for run in label.runs), default=0.0)
    return Rect(line.left, line.y - 0.75 * size, line.left + text.line_width(line.runs), line.y + 0.25 * size)


def samples(path: tuple[Point, ...], steps: int = 12) -> list[Point]:
    """Points along a path, `steps` for every cubic piece."""
    points = [*path[:1]]
    for start, one, two, end in zip(path[::3], path[1::3], path[2::3], path[3::3], strict=False):
        for step in range(1, steps + 1):
            t = step / steps
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
            corners = (start, one, two, end)
            points.append(
                (
                    sum(weight * corner[0] for weight, corner in zip(weights, corners, strict=True)),
                    sum(weight * corner[1] for weight, corner in zip(weights, corners, strict=True)),
                )
            )
    return points


def _groups_of(scene: Scene) -> dict[str, frozenset[str]]:
    """For every box, the groups around it."""
    around: dict[str, frozenset[str]] = {}
    for box in scene.boxes:
        around[box.id] = frozenset() if box.group is None else around[box.group] | {box.group}
    return around


class Sorted:
    """Rectangles found by the span along x that they share with another."""

    def __init__(self, rects: dict[str, Rect]) -> None:
        self.items = sorted((each.left, name, each) for name, each in rects.items())
        self.lefts = [item[0] for item in self.items]
        self.widest = max((each.right - each.left for each in rects.values()), default=0.0)

    def near(self, other: Rect) -> Iterator[tuple[str, Rect]]:
        first = bisect_left(self.lefts, other.left - self.widest)
        for _, name, each in self.items[first : bisect_right(self.lefts, other.right)]:
            if each.right >= other.left and each.top <= other.bottom and each.bottom >= other.top:
                yield name, each


def _boxes(scene: Scene) -> Iterator[str]:
    around = _groups_of(scene)
    rects = {box.id: rect(box) for box in scene.boxes}
    index = Sorted(rects)
    for box in scene.boxes:
        mine = rects[box.id]
        if box.group is not None:
            outer = rects[box.group]
            if mine.left < outer.left or mine.top < outer.top or mine.right > outer.right or mine.bottom > outer.bottom:
                yield f"box {box.id} sticks out of its group {box.group}"
        for name, other in index.near(mine):
            if name < box.id and name not in around[box.id] and box.id not in around[name] and overlap(mine, other):
                yield f"boxes {name} and {box.id} overlap"


def _texts(scene: Scene) -> Iterator[str]:
    """Words wider or higher than the box they stand in, and titles of groups upon what lies in these."""
    for box in scene.boxes:
        front = sheets(box)[-1]
        room = front.width - box.title - TITLE_INSET * box.scale if box.kind == "group" else front.width
        for line in box.lines:
            if sum(run.width for run in line) > room:
                yield f"the text {''.join(run.text for run in line)!r} is wider than box {box.id}"
        if box.kind != "group" and not box.across and sum(map(_line_height, box.lines)) > front.height:
            yield f"the text of box {box.id} is higher than the box"
    titles = {box.id: title_rect(box) for box in scene.boxes if box.kind == "group" and box.lines}
    for box in scene.boxes:
        if box.group in titles and overlap(titles[box.group], rect(box)):
            yield f"box {box.id} lies on the title of {box.group}"


def _line_height(line: tuple[Text, ...]) -> float:
    return text.line_height(max((run.size for run in line), default=0.0))


def _titles(scene: Scene) -> Iterator[str]:
    """Lines and labels upon the titles of groups."""
    titles = Sorted({box.id: title_rect(box) for box in scene.boxes if box.kind == "group" and box.lines})
    for edge in scene.edges:
        for name in sorted(_struck(edge, titles)):
            yield f"edge {edge.id} runs through the title of {name}"
        if edge.label is not None:
            for name, area in titles.near(label_rect(edge)):
                if overlap(area, label_rect(edge)):
                    yield f"the label of edge {edge.id} overlaps the title of {name}"


def title_rect(box: Box) -> Rect:
    """Where the words of a group's title stand, in a scene of any scale."""
    front, sizes = sheets(box)[-1], [run.size for line in box.lines for run in line]
    left, width = (
        front.x + box.title + TITLE_INSET * box.scale,
        max(sum(run.width for run in line) for line in box.lines),
    )
    first = front.y + TITLE_BASELINE * box.scale
    last = first + TITLE_STEP * box.scale * (len(box.lines) - 1)
    return Rect(left, first - max(sizes), left + width, last + 0.3 * max(sizes))


def _ends(scene: Scene) -> Iterator[str]:
    by_id = {box.id: box for box in scene.boxes}
    for edge in scene.edges:
        if len(edge.path) < 4 or len(edge.path) % 3 != 1:
            yield f"edge {edge.id} has a path of {len(edge.path)} points"
            continue
        for end, name in ((edge.path[0], edge.tail), (edge.path[-1], edge.head)):
            if not any(_on_border(end, sheet) for sheet in sheets(by_id[name])):
                yield f"edge {edge.id} ends at {end}, which is not on the border of {name}"
        if dist(edge.path[0], edge.path[-1]) < 0.9 * painting.HEAD * edge.width:
            yield f"edge {edge.id} is too short for its arrow head"


def _on_border(point: Point, box: Box) -> bool:
    return abs(_outside_of(box, point)) <= ON_BORDER


def _outside_of(box: Box, point: Point) -> float:
    """How far a point is outside the outline of a box, a rectangle with round corners; negative inside."""
    radius = corner_radius(box)
    over_x = abs(point[0] - box.x - box.width / 2) - box.width / 2 + radius
    over_y = abs(point[1] - box.y - box.height / 2) - box.height / 2 + radius
    return hypot(max(over_x, 0.0), max(over_y, 0.0)) + min(max(over_x, over_y), 0.0) - radius


def _covers(box: Box, point: Point) -> bool:
    return any(_outside_of(sheet, point) < -SLACK for sheet in sheets(box))


def _heads(scene: Scene) -> Iterator[str]:
    """Arrow heads under a box (boxes are painted over lines), its own included, or under a label."""
    solid = {box.id: box for box in scene.boxes if box.kind != "group"}
    boxes = Sorted({name: rect(box) for name, box in solid.items()})
    labels = Sorted({edge.id: label_rect(edge) for edge in scene.edges if edge.label is not None})
    for edge in scene.edges:
        if len(edge.path) < 4:
            continue
        tip, one, other = painting.head(edge)
        behind = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
        spots = (_between(tip, behind), _between(one, behind), _between(other, behind))
        for x, y in spots:
            spot = Rect(x, y, x, y)
            for name in sorted(name for name, _ in boxes.near(spot) if _covers(solid[name], (x, y))):
                yield f"the arrow head of edge {edge.id} is hidden by box {name}"
            for name in sorted(name for name, area in labels.near(spot) if holds(area, x, y)):
                yield f"the arrow head of edge {edge.id} is hidden by the label of edge {name}"


def _between(one: Point, other: Point) -> Point:
    """A point near `other` on the way from `one`."""
    return (one[0] / 4 + other[0] * 3 / 4, one[1] / 4 + other[1] * 3 / 4)


def _labels(scene: Scene) -> Iterator[str]:
    """Labels upon boxes, upon borders of groups, and upon each other."""
    labels = {edge.id: label_rect(edge) for edge in scene.edges if edge.label is not None}
    solid = Sorted({box.id: rect(box) for box in scene.boxes if box.kind != "group"})
    groups = Sorted({box.id: rect(box) for box in scene.boxes if box.kind == "group"})
    index = Sorted(labels)
    for edge_id, mine in labels.items():
        for name, other in solid.near(mine):
            if overlap(mine, other):
                yield f"the label of edge {edge_id} overlaps box {name}"
        for name, other in groups.near(mine):
            if overlap(mine, other) and not inside(mine, other):
                yield f"the label of edge {edge_id} lies on the border of {name}"
        for name, other in index.near(mine):
            if name < edge_id and overlap(mine, other):
                yield f"the labels of edges {name} and {edge_id} overlap"


def _words(scene: Scene) -> Iterator[str]:
    """The words of title, caption and legend upon boxes, lines, or each other."""
    words = [(text.plain(label.runs), words_rect(label)) for label in scene.labels if label.runs]
    boxes = Sorted({box.id: rect(box) for box in (*scene.boxes, *scene.swatches)})
    areas = Sorted(dict(words))
    for number, (said, mine) in enumerate(words):
        for name, other in boxes.near(mine):
            if overlap(mine, other):
                yield f"the words {said!r} overlap box {name}"
        for other_said, other in words[:number]:
            if overlap(mine, other):
                yield f"the words {other_said!r} and {said!r} overlap"
    for edge in scene.edges:
        for said in sorted(_struck(edge, areas)):
            yield f"edge {edge.id} runs through the words {said!r}"


def _around(path: tuple[Point, ...]) -> Rect:
    xs, ys = [point[0] for point in path] or [0.0], [point[1] for point in path] or [0.0]
    return Rect(min(xs), min(ys), max(xs), max(ys))


def _outside(scene: Scene) -> Iterator[str]:
    canvas = Rect(0, 0, scene.width, scene.height)
    parts = [(f"box {box.id}", rect(box)) for box in scene.boxes]
    parts += [(f"the label of edge {edge.id}", label_rect(edge)) for edge in scene.edges if edge.label is not None]
    parts += [(f"edge {edge.id}", Rect(*point, *point)) for edge in scene.edges for point in samples(edge.path)]
    for name, each in parts:
        if each.left < canvas.left or each.top < canvas.top or each.right > canvas.right or each.bottom > canvas.bottom:
            yield f"{name} lies outside the picture"
    for label in scene.labels:
        if label.runs and not inside(words_rect(label), canvas):
            yield f"the words {text.plain(label.runs)!r} lie outside the picture"


def _cuts(scene: Scene) -> Iterator[str]:
    """Lines through boxes that are not their ends, groups that hold neither end, and labels."""
    around = _groups_of(scene)
    boxes = Sorted({box.id: rect(box) for box in scene.boxes})
    labels = Sorted({edge.id: label_rect(edge) for edge in scene.edges if edge.label is not None})
    for edge in scene.edges:
        own = {whole(each) for each in {edge.tail, edge.head} | around[edge.tail] | around[edge.head]}
        cut = {f"box {name}" for name in _struck(edge, boxes) if whole(name) not in own}
        cut.update(f"the label of {name}" for name in _struck(edge, labels))
        for name in sorted(cut):
            yield f"edge {edge.id} runs through {name}"


def whole(name: str) -> str:
    """The group of which a box is the part in a later row."""
    return name.partition("_row")[0]


def _struck(edge: Edge, areas: Sorted) -> set[str]:
    """Names of the areas that a line runs through."""
    found = set()
    for place in range(0, len(edge.path) - 1, 3):
        piece = edge.path[place : place + 4]
        near = list(areas.near(_around(piece)))  # a curve stays between its controls
        legs = list(pairwise(samples(piece))) if near else []
        found.update(name for name, area in near if any(crosses(area, *leg) for leg in legs))
    return found


def crosses(area: Rect, one: Point, other: Point) -> bool:
    """Whether the straight line between two points runs through an area, by the shares of it beyond each side."""
    enters, leaves = 0.0, 1.0
    for axis, (low, high) in enumerate(((area.left, area.right), (area.top, area.bottom))):
        low, high, start, step = low + SLACK, high - SLACK, one[axis], other[axis] - one[axis]
        if abs(step) < 1e-9:
            if not low < start < high:
                return False
            continue
        near, far = sorted(((low - start) / step, (high - start) / step))
        enters, leaves = max(enters, near), min(leaves, far)
    return enters < leaves


def inside(inner: Rect, outer: Rect) -> bool:
    return (
        outer.left - SLACK <= inner.left
        and outer.top - SLACK <= inner.top
        and inner.right <= outer.right + SLACK
        and inner.bottom <= outer.bottom + SLACK
    )


def holds(area: Rect, x: float, y: float) -> bool:
    return area.left + SLACK < x < area.right - SLACK and area.top + SLACK < y < area.bottom - SLACK
