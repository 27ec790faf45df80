"""Breaks a placed picture that runs from left to right into rows, as a text is broken into lines.

A row ends between two columns of boxes, where few arrows cross. What crosses there runs on: to the right of its row,
back to the left between the rows, and into the next; of several such lines each lies around the others, so that none
cross. A group that is cut has a box in each row, and its title in the first with room for it.
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
from render.layout.finish import LINE_HEIGHT, MARGIN

if TYPE_CHECKING:
    from render.scene import Box, Edge, Point, Scene

    Piece = tuple[Point, Point, Point, Point]  # of a cubic Bezier curve

LANE: Final = 10.0  # between two lines that run on
CLEAR: Final = 11.0  # between a row and the first of them
RADIUS: Final = 9.0  # of their corners
BORDER: Final = 10.0  # between a cut and the border of a group there, and from border to border
UNDER: Final = 14.0  # between what lies in a group and its border
HEAD_ROOM: Final = 34.0  # the same at its top, with a title
FLAT: Final = 0.12  # lines no steeper than this run on without a kink that one sees
_QUARTER: Final = 0.5523  # of the radius: where the controls of a quarter of a circle lie
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
        scene: As layout placed it; one that does not flow from left to right is not broken.
    """
    cuts = list(_cuts(scene)) if scene.direction == "LR" else []
    for count in range(2, len(cuts) + 2):
        chosen = _chosen(cuts, scene.width, count)
        if chosen:
            yield _Broken(scene, chosen).scene_in_rows()


# Where to cut.


def _cuts(scene: Scene) -> Iterator[Cut]:
    """Places where neither box nor label is cut, and lines are flat: the cheapest between two columns of boxes."""
    spans = [(box.x - 3, box.x + box.width + 3) for box in scene.boxes if box.kind != "group"]
    for edge in scene.edges:
        if edge.label is not None:
            spans.append((edge.label_at[0] - edge.label.width / 2, edge.label_at[0] + edge.label.width / 2))
    pieces = [piece for edge in scene.edges for piece in _pieces(edge.path)]
    groups = [box for box in scene.boxes if box.kind == "group"]
    for left, right in _gaps(spans):
        found = []
        for x in (right, left, (left + right) / 2):
            met = [each for each in (_met(piece, x) for piece in pieces) if each is not None]
            if all(slope <= FLAT for _, slope in met):
                cut = sum(box.x < x < box.x + box.width for box in groups)
                found.append(Cut(x, len({round(y / SAME) for y, _ in met}) + 0.5 * cut))
        if found:
            yield min(found, key=lambda cut: cut.cost)


def _gaps(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """What is free between spans."""
    end = None
    for left, right in sorted(spans):
        if end is not None and left > end + 1:
            yield end, left
        end = right if end is None else max(end, right)


def _met(piece: Piece, x: float) -> tuple[float, float] | None:
    """Where a piece crosses a place, and how steep it is there."""
    if (piece[0][0] - x) * (piece[3][0] - x) > 0:
        return None
    at = _parameter(piece, x)
    first, second = _halves(piece, at)
    (left, high), (right, low) = first[2], second[1]
    return first[3][1], abs(low - high) / max(abs(right - left), 1e-6)


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
    """

    def __init__(self, scene: Scene, cuts: Sequence[float]) -> None:
        ends = (-math.inf, *cuts, math.inf)
        self.scene, self.cuts = scene, cuts
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
        points += [(edge.label_at[0], edge.label_at[1] + edge.label.size) for edge in edges if edge.label is not None]
        width, height = (_2(max(point[axis] for point in points) + MARGIN) for axis in (0, 1))
        return replace(self.scene, boxes=tuple(boxes), edges=edges, width=width, height=height)

    def _crossing(self, cut: float) -> list[float]:
        found: list[float] = []
        for edge in self.scene.edges:
            for piece in _pieces(edge.path):
                met = _met(piece, cut)
                if met is not None and all(abs(met[0] - each) > SAME for each in found):
                    found.append(met[0])
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
        points = [_point(piece, k / 8) for edge in self.scene.edges for piece in _pieces(edge.path) for k in range(9)]
        for edge in self.scene.edges:
            if edge.label is not None:
                (x, y), high = edge.label_at, edge.label.size * LINE_HEIGHT / 2
                points += [(x, y - high), (x, y + high)]
        return points

    def _part(self, group: Box, number: int, spans: Iterable[tuple[float, float]]) -> Box:
        """What of a group lies in a row."""
        low = group.y + group.height
        inside = [span for span in spans if group.y <= span[0] and span[1] <= low]
        left, right = self._sides(group, number)
        lines = group.lines if self._titled(group) == number else ()
        head = HEAD_ROOM if lines else UNDER
        y = max(group.y, min((span[0] for span in inside), default=group.y + head) - head)
        height = min(low, max((span[1] for span in inside), default=y + head) + UNDER) - y
        return replace(group, x=left, y=y, width=_2(right - left), height=_2(height), lines=lines)

    def _sides(self, group: Box, number: int) -> tuple[float, float]:
        """The left and the right border of what of a group lies in a row."""
        left, right = group.x, group.x + group.width
        if number and group.id in self.open[number - 1]:
            left = self.cuts[number - 1] - BORDER * (1 + self.open[number - 1].index(group.id))
        if number < len(self.cuts) and group.id in self.open[number]:
            right = self.cuts[number] + BORDER * (1 + self.open[number].index(group.id))
        return left, right

    def _titled(self, group: Box) -> int | None:
        """The first row in which a group has room for its title."""
        first, last = bisect_right(self.cuts, group.x), bisect_left(self.cuts, group.x + group.width)
        needed = 24 + group.title + max((text.line_width(line) for line in group.lines), default=0.0)
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
        for piece in _pieces(edge.path):
            for part in self._cut(piece):
                number = bisect_right(self.cuts, _point(part, 0.5)[0])
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
                parts += _halves(each, _parameter(each, cut)) if inside else [each]
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
        return _rounded([start, (right, start[1]), (right, between), (left, between), (left, end[1]), end])

    def _gutter(self, cut: int) -> float:
        """Where the uppermost line between two rows runs."""
        row = self.rows[cut]
        heights = [box.y + box.height for box in row.boxes]
        heights += [at[1] for at in self._marks if row.left <= at[0] <= row.right]
        return max(heights) + row.y + CLEAR


# Curves.


def _pieces(path: Sequence[Point]) -> list[Piece]:
    return [(path[at], path[at + 1], path[at + 2], path[at + 3]) for at in range(0, len(path) - 1, 3)]


def _point(piece: Piece, t: float) -> Point:
    return _halves(piece, t)[0][3]


def _halves(piece: Piece, t: float) -> tuple[Piece, Piece]:
    """A curve cut in two at `t` of its way, by de Casteljau's algorithm."""
    a, b, c, d = piece
    ab, bc, cd = _between(a, b, t), _between(b, c, t), _between(c, d, t)
    abc, bcd = _between(ab, bc, t), _between(bc, cd, t)
    middle = _between(abc, bcd, t)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def _between(one: Point, other: Point, t: float) -> Point:
    return one[0] + t * (other[0] - one[0]), one[1] + t * (other[1] - one[1])


def _parameter(piece: Piece, x: float) -> float:
    """Where on its way a curve crosses a place, by halving."""
    a, b, c, d = (point[0] for point in piece)
    low, high = (0.0, 1.0) if a <= d else (1.0, 0.0)
    for _ in range(30):
        t = (low + high) / 2
        s = 1 - t
        found = s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
        low, high = (t, high) if found < x else (low, t)
    return (low + high) / 2


def _rounded(corners: Sequence[Point]) -> list[Point]:
    """A path along straight lines with round corners, as cubic pieces."""
    path = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:]):
        radius = min(RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        enter, leave = _toward(corner, before, radius), _toward(corner, after, radius)
        path += _line(path[-1], enter)
        path += [_between(enter, corner, _QUARTER), _between(leave, corner, _QUARTER), leave]
    return path + _line(path[-1], corners[-1])


def _toward(start: Point, end: Point, length: float) -> Point:
    return _between(start, end, length / max(math.dist(start, end), 1e-9))


def _line(start: Point, end: Point) -> list[Point]:
    return [_between(start, end, 1 / 3), _between(start, end, 2 / 3), end]


def _2(value: float) -> float:
    return round(value, 2)
