"""How a placed scene is painted: what lies over what, where each line of text stands, how an arrow ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from render import text
from render.layout.outline import sheets
from render.layout.titles import ROW
from render.scene import Anchor, Box, Edge, Label, Point, Scene, Text

HEAD: Final = 7.0  # length and breadth of an arrow's head, in widths of its line
OVERSHOOT: Final = 7 / 16  # how far the head's point stands beyond the end of the line, in widths of the line
_DOUBLE: Final = 4.0  # from a border to the second one inside
_DASH: Final = (5.0, 4.0)  # line and gap
_TITLE: Final = (12.0, 20.0, ROW)  # of a group: from its left edge, from its top to the first base line, to the next


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and where it stands.

    Attributes:
        runs: From left to right.
        x: Anchor point.
        y: Base line.
        anchor: Which end of the text stands at `x`.
        room: How wide it may be.
        element: What of the picture it belongs to, where that comes and goes by itself: `v3-grad`, `e5-label`.
    """

    runs: tuple[Text, ...]
    x: float
    y: float
    anchor: Anchor = "start"
    room: float = math.inf
    element: str = ""

    @property
    def left(self) -> float:
        """Where the text begins."""
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return self.x - share * text.line_width(self.runs)


def layers(scene: Scene) -> Iterator[Box | Edge | Line]:
    """What is painted, from the lowest to the uppermost: groups, arrows, boxes, words beside arrows, what is below.

    The lines in a box belong to it (`lines`).
    """
    yield from (sheet for box in scene.boxes if box.kind == "group" for sheet in sheets(box))
    yield from (edge for edge in reversed(scene.edges) if edge.path)  # gradients lie under the ways of values
    yield from (sheet for box in scene.boxes if box.kind != "group" for sheet in sheets(box))
    yield from (beside(edge, edge.label) for edge in scene.edges if edge.label is not None)
    yield from (edge for edge in scene.samples if edge.path)
    yield from scene.swatches
    yield from (below(label) for label in scene.labels)


def lines(box: Box) -> list[Line]:
    """The lines in a box that is placed: centred, or at the top left of a group."""
    if box.kind == "group":
        left, first, step = (box.scale * length for length in _TITLE)
        x, y = box.x + box.title + left, box.y + first
        return [Line(runs, x, y + step * row) for row, runs in enumerate(box.lines) if runs]
    if box.across:
        (baseline,) = text.baselines(box.lines[:1], box.y, box.height)
        found = [Line(runs, (left + right) / 2, baseline, "middle", right - left) for runs, left, right in _cells(box)]
    else:
        middle, rows = box.x + box.width / 2, text.baselines(box.lines, box.y, box.height)
        found = [Line(runs, middle, y, "middle", box.width) for runs, y in zip(box.lines, rows, strict=True) if runs]
    return [replace(line, element=f"{box.id}-grad") if line.runs[0].gradient else line for line in found]


def inner(box: Box) -> float:
    """How far from its border the second one runs inside."""
    return _DOUBLE * box.scale


def dashes(item: Box | Edge) -> tuple[float, float]:
    """Line and gap, where it is dashed."""
    return _DASH[0] * item.scale, _DASH[1] * item.scale


def cell_width(runs: Iterable[Text]) -> float:
    """What a line needs beside others, with slack for other fonts and room on both sides."""
    return 2 * math.ceil((1.08 * text.line_width(runs) + 18) / 2)


def rules(box: Box) -> list[float]:
    """Where the rules stand between lines that stand side by side."""
    return [right for _, _, right in _cells(box)[:-1]] if box.across else []


def _cells(box: Box) -> list[tuple[tuple[Text, ...], float, float]]:
    """Each line with the left and the right end of its cell; what is left of the box is shared."""
    needed = [cell_width(runs) for runs in box.lines]
    spare = (box.width - sum(needed)) / len(needed)
    ends = [box.x + sum(needed[:at]) + at * spare for at in range(len(needed) + 1)]
    return list(zip(box.lines, ends, ends[1:]))


def beside(edge: Edge, words: Text) -> Line:
    """The words beside an arrow."""
    x, y = edge.label_at
    return Line((words,), x, y + 0.34 * words.size, "middle", element=f"{edge.id}-label")


def below(label: Label) -> Line:
    """A line of the title, the legend or the notes."""
    return Line(label.runs, label.x, label.y, label.anchor)


def head(edge: Edge) -> tuple[Point, Point, Point]:
    """The corners of the head of an arrow: its point, then the two behind it."""
    (x, y), before = edge.path[-1], next((point for point in reversed(edge.path) if point != edge.path[-1]), None)
    angle = 0.0 if before is None else math.atan2(y - before[1], x - before[0])
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    tip = (x + OVERSHOOT * edge.width * along[0], y + OVERSHOOT * edge.width * along[1])
    length, half = HEAD * edge.width, HEAD * edge.width / 2
    back = (tip[0] - length * along[0], tip[1] - length * along[1])
    aside = (half * across[0], half * across[1])
    return tip, (back[0] + aside[0], back[1] + aside[1]), (back[0] - aside[0], back[1] - aside[1])


def pieces(edge: Edge) -> list[tuple[Point, Point, Point]]:
    """The cubic Bezier pieces of an arrow after its start: two controls and an end each."""
    rest = iter(edge.path[1:])
    return list(zip(rest, rest, rest))


def number(value: float) -> str:
    """At most two decimals, the shortest way."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown
