"""How large a box must be for its lines; the lengths are read off figures that were drawn by hand."""

from __future__ import annotations

from typing import Final

from render import text
from render.labels import Lines
from render.options import Style
from render.painting import cell_width

TAG_HEIGHT: Final = 24.0
DOUBLED: Final = 6.0  # what a second border takes from the height of a box with many lines
_SLACK: Final = 1.08  # fonts differ: nobody measures text twice the same


def tensor_size(lines: Lines, style: Style) -> tuple[float, float]:
    """Width and height of a tensor's box."""
    least, first, step, pad = (92, 30, 18, 14) if style == "data" else (84, 29, 17, 14)
    return width(lines, least, pad), first + step * max(0, len(lines) - 1)


def record_size(lines: Lines) -> tuple[float, float]:
    """Width and height of a tensor's box whose lines stand side by side."""
    return sum(cell_width(line) for line in lines), 34.0


def operation_size(lines: Lines, style: Style) -> tuple[float, float]:
    """Width and height of an operation's box."""
    least, first, pad = (46, 38, 20) if style == "data" else (40, 34, 20)
    more = max(0, len(lines) - 3)  # three lines leave some room above and below, which more would use up
    return width(lines, least, pad), first + 13 * max(0, len(lines) - 1) + 4 * more


def width(lines: Lines, least: float, pad: float) -> float:
    """The widest line with slack for other fonts, rounded up to whole pixels and an even number."""
    widest = max((text.line_width(line) for line in lines), default=0.0)
    return max(least, 2 * -(-(widest * _SLACK + pad) // 2))
