"""Breaks a placed picture into rows, or one that runs downwards into columns, as a text is broken into lines.

A row ends between two columns of boxes, where few arrows cross. What crosses there runs on: to the right of its row,
back to the left between the rows, and into the next; of several such lines each lies around the others, so that none
cross. A group that is cut has a box in each row, and its title in the first with room for it. Columns are rows of the
picture turned over, so that here `x` is always along the flow.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from render import text
from render.layout.curves import halves, met, parameter, pieces, point_at, rounded
from render.layout.finish import LINE_HEIGHT, MARGIN
from render.layout.titles import ROW

if TYPE_CHECKING:
    from render.layout.curves import Piece
    from render.scene import Box, Edge, Point, Scene

LANE: Final = 10.0  # between two lines that run on
CLEAR: Final = 11.0  # between a row and the first of them
BORDER: Final = 10.0  # between a cut and the border of a group there, and from border to border
UNDER: Final = 14.0  # between what lies in a group and its border
HEAD_ROOM: Final = 34.0  # the same at its top, with a title
FLAT: Final = 0.12  # lines no steeper than this run on without a kink that one sees
SAME: Final = 1.5  # lines nearer than this are one


@dataclass(frozen=True, slots=True)
class Cut:
    """A place to end a row.

    Attributes:
        x: Where.
        cost: Lines that cross it, and groups, which count for more.
    """

    x: float
    cost: float


def rows(scene: Scene) -> Iterator[Scene]:
    """The scene in two rows, about equally long, in three, and so on, as long as there are places to break it.

    Args:
        scene: As layout placed it.
    """
    down = scene.direction == "TB"
    along = _turned(scene) if down else scene
    cuts = list(_cuts(along))
    for count in range(2, len(cuts) + 2):
        chosen = _chosen(cuts, along.width, count)
        if chosen:
            broken = _Broken(along, chosen).scene_in_rows()
            yield _turned(broken) if down else broken


def _turned(scene: Scene) -> Scene:
    """The scene with `x` and `y` exchanged; words stay as they are."""

    def box(each: Box) -> Box:
        return replace(each, x=each.y, y=each.x, width=each.height, height=each.width)

    def edge(each: Edge) -> Edge:
        return replace(each, path=tuple((y, x) for x, y in each.path), label_at=each.label_at[::-1])

    return replace(
        scene,
        boxes=tuple(map(box, scene.boxes)),
        edges=tuple(map(edge, scene.edges)),
        width=scene.height,
        height=scene.width,
    )


def _reach(scene: Scene, edge: Edge) -> tuple[float, float]:
    """Half of what the label of an arrow takes, along the flow and across it."""
    if edge.label is None:
        return 0.0, 0.0
    wide, high = edge.label.width / 2, edge.label.size * LINE_HEIGHT / 2
    return (high, wide) if scene.direction == "TB" else (wide, high)


# Where to cut.


def _cuts(scene: Scene) -> Iterator[Cut]:
    """Places where neither box nor label is cut, and lines are flat: the cheapest between two columns of boxes."""
    spans = [(box.x - 3, box.x + box.width + 3) for box in scene.boxes if box.kind != "group"]
    for edge in scene.edges:
        if edge.label is not None:
            half = _reach(scene, edge)[0]
            spans.append((edge.label_at[0] - half, edge.label_at[0] + half))
    parts = [piece for edge in scene.edges for piece in pieces(edge.path)]
    groups = [box for box in scene.boxes if box.kind == "group"]
    spans += _margins(scene)
    made = {edge.head for edge in scene.edges if edge.kind == "value"}
    first = min((box.x for box in scene.boxes if box.id in made), default=0.0)
    for left, right in _gaps(spans):
        if right <= first:  # inputs alone are no row
            continue
        found = []
        near = [
            piece for piece in parts if min(piece[0][0], piece[3][0]) <= right and max(piece[0][0], piece[3][0]) >= left
        ]
        for x in (right, left, (left + right) / 2):
            crossed = [each for each in (met(piece, x) for piece in near) if each is not None]
            if all(slope <= FLAT for _, slope in crossed):
                cut = sum(box.x < x < box.x + box.width for box in groups)
                found.append(Cut(x, len({round(y / SAME) for y, _ in crossed}) + 0.5 * cut))
        if found:
            yield min(found, key=lambda cut: cut.cost)


def _margins(scene: Scene) -> Iterator[tuple[float, float]]:
    """What lies between the borders of each group and the first and the last box in it: nothing is left of it alone."""
    box_of = {box.id: box for box in scene.boxes}
    reach: dict[str, tuple[float, float]] = {}
    for box in scene.boxes:
        group = box.group if box.kind != "group" else None
        while group is not None:
            left, right = reach.get(group, (math.inf, -math.inf))
            reach[group] = (min(left, box.x), max(right, box.x + box.width))
            group = box_of[group].group
    for name, (left, right) in reach.items():
        yield box_of[name].x - 3, left
        yield right, box_of[name].x + box_of[name].width + 3


def _gaps(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """What is free between spans."""
    end = None
    for left, right in sorted(spans):
        if end is not None and left > end + 1:
            yield end, left
        end = right if end is None else max(end, right)


def _chosen(cuts: Sequence[Cut], width: float, count: int) -> Sequence[float]:
    """The cheapest cuts for rows no longer than a little more than their mean; empty where there are none.

    By dynamic programming over the cuts, once for each number of rows.
    """
    longest = width / count
    for slack in (1.1, 1.25, 1.5):
        best: dict[int, tuple[float, tuple[float, ...]]] = {-1: (0.0, ())}
        places = [0.0, *(cut.x for cut in cuts)]
        for _ in range(count - 1):
            following: dict[int, tuple[float, tuple[float, ...]]] = {}
            for before, (cost, found) in best.items():
                for number in range(before + 1, len(cuts)):
                    if cuts[number].x - places[before + 1] > slack * longest:
                        break
                    reached = (cost + cuts[number].cost, (*found, cuts[number].x))
                    following[number] = min(following.get(number, reached), reached)
            best = following
        ends = [reached for number, reached in best.items() if width - cuts[number].x <= slack * longest]
        if ends:
            return min(ends)[1]
    return ()


# What becomes of the picture.


@dataclass
class _Row:
    """One row.

    Attributes:
        left: Where it begins in the picture as it was.
        right: And where it ends.
        boxes: That lie in it, groups first, as far as they do.
        x: How far all of it is moved.
        y: The same downwards.
    """

    left: float
    right: float
    boxes: list[Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0


class _Broken:
    """A picture that is cut into rows.

    Attributes:
        scene: As it was.
        cuts: Where it is cut, from left to right.
        rows: One more than cuts.
        lines: By number of the cut, the heights at which lines cross it, from the top.
        open: By number of the cut, the groups that it goes through, the innermost first.
        down: Whether the picture runs downwards, and is turned over here.
    """

    def __init__(self, scene: Scene, cuts: Sequence[float]) -> None:
        ends = (-math.inf, *cuts, math.inf)
        self.scene, self.cuts, self.down = scene, cuts, scene.direction == "TB"
        self.rows = [_Row(left, right) for left, right in pairwise(ends)]
        self.lines = [self._crossing(cut) for cut in cuts]
        groups = [box for box in reversed(scene.boxes) if box.kind == "group"]
        self.open = [[box.id for box in groups if box.x < cut < box.x + box.width] for cut in cuts]

    def scene_in_rows(self) -> Scene:
        """The picture, with a margin around everything."""
        for number in range(len(self.rows)):
            self._fill(number)
        self._stack()
        boxes = [replace(box, x=_2(box.x + row.x), y=_2(box.y + row.y)) for row in self.rows for box in row.boxes]
        boxes.sort(key=lambda box: box.kind != "group")  # groups first, as they were
        edges = tuple(map(self._edge, self.scene.edges))
        points = [point for edge in edges for point in edge.path]
        points += [(box.x + box.width, box.y + box.height) for box in boxes]
        for edge in edges:
            along, aside = _reach(self.scene, edge)
            points.append((edge.label_at[0] + along, edge.label_at[1] + aside))
        width, height = (_2(max(point[axis] for point in points) + MARGIN) for axis in (0, 1))
        return replace(self.scene, boxes=tuple(boxes), edges=edges, width=width, height=height, rows=len(self.rows))

    def _crossing(self, cut: float) -> list[float]:
        found: list[float] = []
        for edge in self.scene.edges:
            for piece in pieces(edge.path):
                at = met(piece, cut)
                if at is not None and all(abs(at[0] - each) > SAME for each in found):
                    found.append(at[0])
        return sorted(found)

    # The boxes of a row.

    def _fill(self, number: int) -> None:
        """Puts into a row what lies in it; groups are as high as what they hold there."""
        row = self.rows[number]
        plain = [box for box in self.scene.boxes if box.kind != "group" and row.left <= box.x < row.right]
        spans = [(box.y, box.y + box.height) for box in plain]
        spans += [(y, y) for x, y in self._marks if row.left <= x <= row.right]
        spans += [(y, y) for cut in (number - 1, number) if 0 <= cut < len(self.lines) for y in self.lines[cut]]
        groups: list[Box] = []
        names: dict[str, str] = {}
        for group in reversed([box for box in self.scene.boxes if box.kind == "group"]):
            if group.x < row.right and group.x + group.width > row.left:
                first = bisect_right(self.cuts, group.x)
                names[group.id] = group.id if first == number else f"{group.id}_row{number + 1}"
                groups.append(self._part(group, number, spans))
                spans.append((groups[-1].y, groups[-1].y + groups[-1].height))
        inside = [*reversed(groups), *plain]
        row.boxes = [
            replace(box, id=names.get(box.id, box.id), group=names.get(box.group or "", box.group)) for box in inside
        ]

    @cached_property
    def _marks(self) -> Sequence[Point]:
        """Points of all lines and labels: what a row must have room for besides boxes."""
        points = [point_at(piece, k / 8) for edge in self.scene.edges for piece in pieces(edge.path) for k in range(9)]
        for edge in self.scene.edges:
            if edge.label is not None:
                (x, y), high = edge.label_at, _reach(self.scene, edge)[1]
                points += [(x, y - high), (x, y + high)]
        return points

    def _part(self, group: Box, number: int, spans: Iterable[tuple[float, float]]) -> Box:
        """What of a group lies in a row."""
        low = group.y + group.height
        inside = [span for span in spans if group.y <= span[0] and span[1] <= low]
        left, right = self._sides(group, number)
        lines = group.lines if self._titled(group) == number else ()
        start = group.y + group.title
        inside += [(start, start + _title(group))] if lines and self.down else []
        head = HEAD_ROOM + ROW * (len(lines) - 1) if lines and not self.down else UNDER
        y = max(group.y, min((span[0] for span in inside), default=group.y + head) - head)
        height = min(low, max((span[1] for span in inside), default=y + head) + UNDER) - y
        title = _2(start - y) if self.down else group.title
        return replace(group, x=left, y=y, width=_2(right - left), height=_2(height), lines=lines, title=title)

    def _sides(self, group: Box, number: int) -> tuple[float, float]:
        """The left and the right border of what of a group lies in a row."""
        left, right = group.x, group.x + group.width
        if number and group.id in self.open[number - 1]:
            left = self.cuts[number - 1] - BORDER * (1 + self.open[number - 1].index(group.id))
        if number < len(self.cuts) and group.id in self.open[number]:
            right = self.cuts[number] + BORDER * (1 + self.open[number].index(group.id))
        return left, right

    def _titled(self, group: Box) -> int | None:
        """The first row in which a group has room for its title; of one that runs downwards, the first."""
        first, last = bisect_right(self.cuts, group.x), bisect_left(self.cuts, group.x + group.width)
        if self.down:
            return first
        needed = group.title + _title(group)
        sides = ((number, *self._sides(group, number)) for number in range(first, last + 1))
        return next((number for number, left, right in sides if right - left >= needed), None)

    # Where rows go, and the lines from one to the next.

    def _stack(self) -> None:
        """Moves the rows one below the other, with room for the lines between them."""
        entry = [self._aside(cut) for cut in range(len(self.cuts))]
        y = MARGIN
        for number, row in enumerate(self.rows):
            heights = [height for box in row.boxes for height in (box.y, box.y + box.height)]
            heights += [at[1] for at in self._marks if row.left <= at[0] <= row.right]
            begin = self.cuts[number - 1] if number else min((box.x for box in row.boxes), default=0.0)
            row.x = MARGIN + max(entry) - begin
            row.y = y - min(heights)
            y += max(heights) - min(heights)
            if number < len(self.lines):
                y += 2 * CLEAR + LANE * max(0, len(self.lines[number]) - 1)

    def _aside(self, cut: int) -> float:
        """Room on the side of a row for the lines that run on, and for the borders of groups."""
        return CLEAR + BORDER * len(self.open[cut]) + LANE * max(0, len(self.lines[cut]) - 1) - MARGIN / 2

    def _edge(self, edge: Edge) -> Edge:
        """An arrow with each part in its row, and ways between these."""
        number = bisect_right(self.cuts, edge.label_at[0])
        label_at = self._moved(edge.label_at, number)
        path: list[Point] = []
        before: int | None = None
        for piece in pieces(edge.path):
            for part in self._cut(piece):
                number = bisect_right(self.cuts, point_at(part, 0.5)[0])
                if before is None:
                    path.append(self._moved(part[0], number))
                elif before < number:
                    path += self._way(before, part[0][1])[1:]
                elif before > number:
                    path += self._way(number, part[0][1])[::-1][1:]
                path += [self._moved(point, number) for point in part[1:]]
                before = number
        return replace(edge, path=tuple((_2(x), _2(y)) for x, y in path), label_at=(_2(label_at[0]), _2(label_at[1])))

    def _moved(self, point: Point, number: int) -> Point:
        return point[0] + self.rows[number].x, point[1] + self.rows[number].y

    def _cut(self, piece: Piece) -> list[Piece]:
        """A piece in as many parts as it takes for each to lie in one row."""
        found = [piece]
        for cut in self.cuts:
            parts: list[Piece] = []
            for each in found:
                inside = min(each[0][0], each[3][0]) < cut - 0.01 and max(each[0][0], each[3][0]) > cut + 0.01
                parts += halves(each, parameter(each, cut)) if inside else [each]
            found = parts
        return found

    def _way(self, cut: int, height: float) -> list[Point]:
        """The way of a line from the end of a row to the beginning of the next, as the points of a path."""
        heights, borders = self.lines[cut], BORDER * len(self.open[cut])
        lane = min(range(len(heights)), key=lambda each: abs(heights[each] - height))
        outer = LANE * (len(heights) - 1 - lane)
        start, end = self._moved((self.cuts[cut], height), cut), self._moved((self.cuts[cut], height), cut + 1)
        right, left = start[0] + borders + CLEAR + outer, end[0] - borders - CLEAR - LANE * lane
        between = self._gutter(cut) + outer
        return rounded([start, (right, start[1]), (right, between), (left, between), (left, end[1]), end])

    def _gutter(self, cut: int) -> float:
        """Where the uppermost line between two rows runs."""
        row = self.rows[cut]
        heights = [box.y + box.height for box in row.boxes]
        heights += [at[1] for at in self._marks if row.left <= at[0] <= row.right]
        return max(heights) + row.y + CLEAR


def _title(group: Box) -> float:
    """What a title takes from left to right, with some room on both sides."""
    return 24 + max((text.line_width(line) for line in group.lines), default=0.0)


def _2(value: float) -> float:
    return round(value, 2)
