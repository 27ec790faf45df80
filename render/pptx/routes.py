"""The way of an arrow as a row of connectors: each straight, or curved as PowerPoint curves one between two sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from render.painting import head, pieces
from render.scene import Edge, Point

Piece = tuple[Point, Point, Point, Point]
Axis = Literal["across", "down"]
STRAIGHT: Final = 2.5  # pixels that a way may lie off the straight line between its ends
_SHORT: Final = 6.0  # and a short one, which LibreOffice would lead round the boxes were it curved
_NEAR: Final = 10.0  # pixels that a connector may lie off the way that it stands for
_ROOM: Final = 64.0  # pixels that a curve between knots gets; LibreOffice leads shorter ones round the boxes
_CORNER: Final = 30.0  # pixels across a round corner that connectors may turn squarely
_SAMPLES: Final = 12  # points of a curve that are compared
_FINER: Final = 5  # times as many of the way that it is to follow: distances are measured from point to point


@dataclass(frozen=True, slots=True)
class Span:
    """One connector.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        axis: The way a curved one leaves and arrives, `across` or `down`; None for a straight one.
        bend: Where on that way, from 0 to 1, it is half over.
    """

    start: Point
    end: Point
    axis: Axis | None = None
    bend: float = 0.5

    @property
    def way(self) -> Literal["right", "left", "down", "up"]:
        """The way it runs where it begins and ends."""
        along, over = self.end[0] - self.start[0], self.end[1] - self.start[1]
        axis = self.axis or ("across" if abs(along) >= abs(over) else "down")
        if axis == "across":
            return "right" if along >= 0 else "left"
        return "down" if over >= 0 else "up"


def spans(edge: Edge) -> tuple[Span, ...]:
    """The connectors that follow an arrow from end to end, as few as do; none where connectors cannot follow it."""
    point = head(edge)[0]
    starts = [edge.path[0], *(end for _, _, end in pieces(edge))]
    way: list[Piece] = [(start, *rest) for start, rest in zip(starts, pieces(edge))]
    way[-1] = (*way[-1][:3], point)
    found: list[Span] = []
    for stretch in _stretches(way):
        row = _followed(stretch)
        if not row:
            return ()
        found += row
    return tuple(found)


def _followed(way: Sequence[Piece]) -> list[Span]:
    """As few connectors as follow a way without corners; none where none do."""
    found: list[Span] = []
    while way:
        count, span = next(((n, s) for n in range(len(way), 0, -1) if (s := _fitting(way[:n]))), (0, None))
        if span is None:
            return []
        found.append(span)
        way = way[count:]
    return _eased(found)


def _eased(row: Sequence[Span]) -> list[Span]:
    """The spans with room for each curve between two knots: it begins further back on the straight line before it."""
    found = list(row)
    for at, (line, curve) in enumerate(pairwise(row)):
        if line.axis is None and curve.axis is not None:
            n = 0 if curve.axis == "across" else 1
            length, reach = line.end[n] - line.start[n], curve.end[n] - curve.start[n]
            back = min(_ROOM - abs(reach), abs(length) / 2)
            if back > 0 and length * reach > 0:
                knot = _shifted(line.end, n, -math.copysign(back, reach))
                bend = 1 - (1 - curve.bend) * abs(reach) / (abs(reach) + back)
                found[at] = replace(found[at], end=knot)
                found[at + 1] = replace(curve, start=knot, bend=min(0.95, bend))
    return found


def _shifted(point: Point, axis: int, by: float) -> Point:
    return (point[0] + by, point[1]) if axis == 0 else (point[0], point[1] + by)


def _stretches(way: Sequence[Piece]) -> list[list[Piece]]:
    """The way cut at its small round corners and where it turns back, which connectors do squarely."""
    found: list[list[Piece]] = [[]]
    for piece in way:
        corners = _turns_back(piece) or _corner(piece)
        if not corners:
            found[-1].append(piece)
        else:
            found[-1].append(_line(piece[0], corners[0]))
            found += [[_line(a, b)] for a, b in pairwise((*corners, piece[3]))]
    return found


def _turns_back(piece: Piece) -> tuple[Point, ...]:
    """The corners of a piece that comes back to the side it left by, as a loop's way back does; none of others."""
    start, leaving, arriving, end = piece
    for n in (0, 1):
        out, back = leaving[n] - start[n], end[n] - arriving[n]
        if out * back < 0 and max(abs(leaving[1 - n] - start[1 - n]), abs(arriving[1 - n] - end[1 - n])) < 0.1:
            reached = [_on(piece, k / _SAMPLES)[n] for k in range(_SAMPLES + 1)]
            far = max(reached) if out > 0 else min(reached)
            return ((far, start[1]), (far, end[1])) if n == 0 else ((start[0], far), (end[0], far))
    return ()


def _corner(piece: Piece) -> tuple[Point, ...]:
    """Where a small round corner would be if it were square; none of any other piece."""
    start, leaving, arriving, end = piece
    if math.dist(start, end) <= _CORNER and min(abs(end[0] - start[0]), abs(end[1] - start[1])) > STRAIGHT:
        for corner, first, second in (((end[0], start[1]), 1, 0), ((start[0], end[1]), 0, 1)):
            if abs(leaving[first] - start[first]) < 0.1 and abs(arriving[second] - end[second]) < 0.1:
                return (corner,)
    return ()


def _line(start: Point, end: Point) -> Piece:
    return start, start, end, end


def _fitting(way: Sequence[Piece]) -> Span | None:
    """The connector that follows the pieces; None where none does."""
    start, end = way[0][0], way[-1][3]
    count = _FINER * _SAMPLES
    samples = [_on(piece, k / count) for piece in way for k in range(count + 1)]
    off = STRAIGHT if math.dist(start, end) > _ROOM else _SHORT
    if all(_off(point, start, end) <= off for point in samples) and _onwards(samples, start, end):
        return Span(start, end)
    axis = _axis(way[0][0], way[0][1], way[-1][2], way[-1][3])
    if axis is None:
        return None
    span = Span(start, end, axis, _bend(samples, start, end, axis))
    curve = curved(span)
    drawn = [_on(piece, k / _SAMPLES) for piece in curve for k in range(_SAMPLES + 1)]
    return span if all(min(math.dist(a, b) for b in samples) <= _NEAR for a in drawn) else None


def _onwards(samples: Sequence[Point], start: Point, end: Point) -> bool:
    """Whether a way never turns back."""
    along, over = end[0] - start[0], end[1] - start[1]
    reached = [(x - start[0]) * along + (y - start[1]) * over for x, y in samples]
    return all(b >= a - 1e-6 for a, b in pairwise(reached))


def _off(point: Point, start: Point, end: Point) -> float:
    """How far a point lies off the line through two others, or off the first where they are one."""
    along, over = end[0] - start[0], end[1] - start[1]
    length = math.hypot(along, over)
    if not length:
        return math.dist(point, start)
    return abs((point[0] - start[0]) * over - (point[1] - start[1]) * along) / length


def _axis(start: Point, leaving: Point, arriving: Point, end: Point) -> Axis | None:
    """The way along which a curve both leaves and arrives, and gets on; None where there is none."""
    axes: tuple[tuple[Axis, int], ...] = (("across", 0), ("down", 1))
    for axis, along in axes:
        steps = [(b[along] - a[along], b[1 - along] - a[1 - along]) for a, b in ((start, leaving), (arriving, end))]
        total = end[along] - start[along]
        if all(abs(off) <= 0.2 * abs(on) + 0.1 and on * total >= 0 for on, off in steps) and total:
            return axis
    return None


def _bend(samples: Sequence[Point], start: Point, end: Point, axis: Axis) -> float:
    """Where along the axis the way is half over, from 0 to 1."""
    along, over = (0, 1) if axis == "across" else (1, 0)
    middle = (start[over] + end[over]) / 2
    nearest = min(samples, key=lambda point: abs(point[over] - middle))
    return min(0.95, max(0.05, (nearest[along] - start[along]) / (end[along] - start[along])))


def curved(span: Span) -> tuple[Piece, Piece]:
    """What PowerPoint draws for a `curvedConnector3`: two curves that meet square to its axis (ECMA-376, part 1)."""

    def at(along: float, over: float) -> Point:
        x, y = (along, over) if span.axis == "across" else (over, along)
        (left, top), (right, bottom) = span.start, span.end
        return left + x * (right - left), top + y * (bottom - top)

    half = span.bend
    return (
        (at(0, 0), at(half / 2, 0), at(half, 0.25), at(half, 0.5)),
        (at(half, 0.5), at(half, 0.75), at((1 + half) / 2, 1), at(1, 1)),
    )


def _on(piece: Piece, t: float) -> Point:
    """The point of a cubic Bezier curve at `t` of its way, by Bernstein's polynomials."""
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
    x, y = (a * piece[0][n] + b * piece[1][n] + c * piece[2][n] + d * piece[3][n] for n in (0, 1))
    return x, y
