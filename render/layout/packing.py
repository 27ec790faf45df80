"""Packs unconnected parts of a picture into rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from render.layout.plate import Plate
from render.layout.routes import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from render.scene import Point

SHAPE: Final = 1.8  # width of a picture over its height, unless one part alone is wider


def pack(plates: Sequence[Plate], *, across: bool, gap: float) -> Plate:
    """One plate of several, in their order, in rows from left to right.

    Args:
        plates: The parts; one with entries or exits stands first and has a row, along the flow, for itself.
        across: Whether the flow runs from left to right.
        gap: Between parts.
    """
    sizes = [(each.length, each.breadth) if across else (each.breadth, each.length) for each in plates]
    ported = bool(plates[0].entries or plates[0].exits)
    corners = _shelves(sizes[ported:], gap)
    if ported:
        aside = (0.0, sizes[0][1] + gap) if across else (sizes[0][0] + gap, 0.0)
        corners = [(0.0, 0.0), *((x + aside[0], y + aside[1]) for x, y in corners)]
    packed = Plate()
    for plate, (x, y) in zip(plates, corners, strict=True):
        _add(packed, plate, (x, y) if across else (y, x))
    return packed


def _shelves(sizes: Sequence[Point], gap: float) -> list[Point]:
    """Corners of rectangles in rows; beside a high one low ones stand below each other."""
    area = sum((width + gap) * (height + gap) for width, height in sizes)
    most = max(max((width for width, _ in sizes), default=0.0), (SHAPE * area) ** 0.5)
    corners: list[Point] = []
    x = y = row = 0.0  # of the row: where the next one starts, its top and its height
    left = low = wide = 0.0  # of the pile of those below each other: its left side, its end and its width
    for width, height in sizes:
        if corners and low + gap + height <= row and left + width <= max(most, left + wide):
            corners.append((left, y + low + gap))
            low, wide = low + gap + height, max(wide, width)
        else:
            if x and x + width > most:
                x, y, row = 0.0, y + row + gap, 0.0
            corners.append((x, y))
            left, low, wide, row = x, height, width, max(row, height)
        x = left + wide + gap
    return corners


def _add(packed: Plate, plate: Plate, corner: Point) -> None:
    along, across = corner
    packed.length = max(packed.length, along + plate.length)
    packed.breadth = max(packed.breadth, across + plate.breadth)
    for box, where in plate.at.items():
        packed.at[box] = (where[0] + along, where[1] + across)
    for part, course in plate.courses.items():
        packed.courses[part] = tuple(Run(run.start + along, run.end + along, run.at + across) for run in course)
    for key, where in plate.labels.items():
        packed.labels[key] = (where[0] + along, where[1] + across)
    packed.entries.update({key: at + across for key, at in plate.entries.items()})
    packed.exits.update({key: at + across for key, at in plate.exits.items()})
