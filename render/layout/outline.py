"""The outlines of boxes, round or stacked, so that lines end on them and not in the gap beside a corner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from render.scene import Box, Point

ROUNDED: Final = 10.0  # radius of the corners of a `rounded` box
PILL: Final = 19.0  # and of a `pill`, at most: a high box does not become a disc
NEAR: Final = 3.0  # a point this near to two sides is at the corner
SHEET: Final = 4.0  # how far each sheet of a stack looks out above and to the right of the one before it
STACK: Final = 2 * SHEET  # so much of a stacked box, at the top and at the right, is not its front


def corner_radius(box: Box) -> float:
    """Radius of a box's corners; formats draw them with it."""
    if box.outline == "pill":
        return min(PILL * box.scale, box.width / 2, box.height / 2)
    if box.outline == "rounded":
        return min(ROUNDED * box.scale, box.width / 2, box.height / 2)
    return 0.0


def sheets(box: Box) -> tuple[Box, ...]:
    """What is painted of a placed box, from the rearmost to the front: three sheets of a stacked one, else itself."""
    if not box.stacked:
        return (box,)
    behind = (_sheet(box, SHEET * box.scale * number) for number in (2, 1))
    return (*(replace(each, id=f"{box.id}_{place}", lines=()) for place, each in enumerate(behind)), _sheet(box, 0.0))


def _sheet(box: Box, aside: float) -> Box:
    room = STACK * box.scale
    width, height = max(0.0, box.width - room), max(0.0, box.height - room)
    return replace(box, x=box.x + aside, y=box.y + room - aside, width=width, height=height, stacked=False)


def land(path: Sequence[Point], tail: Box, head: Box) -> Sequence[Point]:
    """The path with both ends moved, along the direction they have there, onto the outlines of its boxes."""
    if len(path) < 4:
        return path
    return (_landed(path[0], path[1], tail), *path[1:-1], _landed(path[-1], path[-2], head))


def _landed(end: Point, control: Point, box: Box) -> Point:
    """`end` on a side of the bounding rectangle, moved inwards to the outline; at a corner, the way it points."""
    x, y = end[0] - box.x - box.width / 2, end[1] - box.y - box.height / 2
    from_side, from_top = box.width / 2 - abs(x), box.height / 2 - abs(y)
    flat = abs(end[1] - control[1]) <= abs(end[0] - control[0])
    if from_side < from_top - NEAR or (flat and from_side < from_top + NEAR):
        sheet = sheets(box)[-1 if x < 0 else 0]
        inset = _inset(end[1] - sheet.y - sheet.height / 2, sheet.height, corner_radius(sheet))
        return (end[0] + (inset if x < 0 else -inset), end[1])
    sheet = sheets(box)[-1 if y > 0 else 0]
    inset = _inset(end[0] - sheet.x - sheet.width / 2, sheet.width, corner_radius(sheet))
    return (end[0], end[1] + (inset if y < 0 else -inset))


def _inset(offset: float, side: float, radius: float) -> float:
    """How far the outline lies inside the rectangle, at `offset` from the middle of a side."""
    into = min(radius, abs(offset) - (side / 2 - radius))
    return radius - (radius * radius - into * into) ** 0.5 if into > 0 else 0.0
