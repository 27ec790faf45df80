"""Paths of cubic Bezier curves: their pieces, where they cross a place, parts of them, and ways with round corners."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from render.scene import Point

    Piece = tuple[Point, Point, Point, Point]

RADIUS: Final = 9.0  # of corners
_QUARTER: Final = 0.5523  # of the radius: where the controls of a quarter of a circle lie


def met(piece: Piece, x: float) -> tuple[float, float] | None:
    """Where a piece crosses a place, and how steep it is there."""
    if (piece[0][0] - x) * (piece[3][0] - x) > 0:
        return None
    at = parameter(piece, x)
    first, second = halves(piece, at)
    (left, high), (right, low) = first[2], second[1]
    return first[3][1], abs(low - high) / max(abs(right - left), 1e-6)


def pieces(path: Sequence[Point]) -> list[Piece]:
    """The pieces of a path: each begins where the one before ends."""
    return [(path[at], path[at + 1], path[at + 2], path[at + 3]) for at in range(0, len(path) - 1, 3)]


def point_at(piece: Piece, t: float) -> Point:
    """The point at `t` of the way."""
    return halves(piece, t)[0][3]


def halves(piece: Piece, t: float) -> tuple[Piece, Piece]:
    """A curve cut in two at `t` of its way, by de Casteljau's algorithm."""
    a, b, c, d = piece
    ab, bc, cd = between(a, b, t), between(b, c, t), between(c, d, t)
    abc, bcd = between(ab, bc, t), between(bc, cd, t)
    middle = between(abc, bcd, t)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def between(one: Point, other: Point, t: float) -> Point:
    """The point at `t` of the straight way from one to the other."""
    return one[0] + t * (other[0] - one[0]), one[1] + t * (other[1] - one[1])


def parameter(piece: Piece, x: float) -> float:
    """Where on its way a curve crosses a place, by halving."""
    a, b, c, d = (point[0] for point in piece)
    low, high = (0.0, 1.0) if a <= d else (1.0, 0.0)
    for _ in range(30):
        t = (low + high) / 2
        s = 1 - t
        found = s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
        low, high = (t, high) if found < x else (low, t)
    return (low + high) / 2


def rounded(corners: Sequence[Point]) -> list[Point]:
    """A path along straight lines with round corners, as cubic pieces."""
    path = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:]):
        radius = min(RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        enter, leave = _toward(corner, before, radius), _toward(corner, after, radius)
        path += _line(path[-1], enter)
        path += [between(enter, corner, _QUARTER), between(leave, corner, _QUARTER), leave]
    return path + _line(path[-1], corners[-1])


def _toward(start: Point, end: Point, length: float) -> Point:
    return between(start, end, length / max(math.dist(start, end), 1e-9))


def _line(start: Point, end: Point) -> list[Point]:
    return [between(start, end, 1 / 3), between(start, end, 2 / 3), end]
