"""Charts as scenes, for what a graph does not show: numbers along a run as bars, and a matrix of counts.

They consist of boxes and words alone, so every drawn format has them, and PowerPoint can edit them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from render import text
from render.frames import blend
from render.scene import Anchor, Box, Label, Scene, Text
from render.theme import Theme

WIDTH: Final = 1120.0
HEIGHT: Final = 500.0
_SIZE: Final = 17.0  # of words and numbers
_MARGIN: Final = 16.0
_LEFT: Final = 96.0  # room for the numbers beside an axis
_MOST_BARS: Final = 70  # of more numbers, neighbours are averaged
_CELL: Final = 42.0  # side of a cell of a matrix


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers along a run.

    Attributes:
        name: What they are.
        numbers: In their order; finite, none below 0.
        split: How many of them belong to the first part (forward); the rest is painted as gradients are. None for all.
        parts: What the two parts are called.
    """

    name: str
    numbers: Sequence[float]
    split: int | None = None
    parts: tuple[str, ...] = ()


def bars(series: Sequence[Series], theme: Theme, *, along: str = "", unit: str = "") -> Scene:
    """Numbers as bars, one panel a series, one below the other.

    Args:
        series: What to draw.
        theme: Gives the colours.
        along: What the numbers run along (`steps`).
        unit: Behind the numbers on the axis.
    """
    gap, foot = 40.0, 34.0 if along else 10.0
    height = (HEIGHT - foot - gap * (len(series) - 1)) / max(len(series), 1)
    boxes: list[Box] = []
    labels: list[Label] = []
    for at, each in enumerate(series):
        top = _MARGIN + at * (height + gap)
        boxes += _panel(each, at, top + 26, height - 26, theme)
        labels.append(_words(each.name, _LEFT, top + 14, theme.text, bold=True))
        labels += _scale(each, top + 26, height - 26, theme, unit)
        labels += _parts(each, top + 14, theme)
    if along:
        count = len(series[0].numbers) if series else 0
        labels.append(_words(f"{along}: {text.count(count)} →", _LEFT, _MARGIN + HEIGHT - 8, theme.muted))
    return _scene(boxes, labels, theme, WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN)


def averaged(numbers: Sequence[float], most: int = _MOST_BARS) -> list[float]:
    """At most `most` means of neighbours, which together are all of the numbers."""
    parts = min(most, len(numbers))
    ends = [round(at * len(numbers) / parts) for at in range(parts + 1)] if parts else []
    return [sum(numbers[first:end]) / (end - first) for first, end in pairwise(ends)]


def _panel(series: Series, number: int, top: float, height: float, theme: Theme) -> Iterator[Box]:
    """The bars of a series, and the line they stand on."""
    found = averaged(series.numbers)
    most = max(found, default=0.0) or 1.0
    step = (WIDTH - _LEFT) / max(len(found), 1)
    share = len(found) / max(len(series.numbers), 1)
    for at, value in enumerate(found):
        first = series.split is None or at < series.split * share
        fill = theme.tensors["output"].stroke if first else theme.gradient
        high = height * value / most
        yield Box(
            f"bar{number}_{at}", "tensor", fill=blend(fill, theme.background or "#ffffff", 0.75), stroke=fill,
            stroke_width=0.5, x=round(_LEFT + at * step, 2), y=round(top + height - high, 2),
            width=round(min(0.86 * step, 40.0), 2), height=round(max(high, 0.5), 2),
        )  # fmt: skip
    yield Box(
        f"axis{number}", "tensor", fill=theme.edge, stroke=theme.edge, stroke_width=0.5, x=_LEFT - 4,
        y=round(top + height, 2), width=WIDTH - _LEFT + 4, height=1.0,
    )  # fmt: skip


def _scale(series: Series, top: float, height: float, theme: Theme, unit: str) -> Iterator[Label]:
    """The largest number and 0, beside the axis."""
    most = max(averaged(series.numbers), default=0.0)
    yield _words(f"{text.number(most)}{unit}", _LEFT - 10, top + 0.7 * _SIZE, theme.muted, anchor="end")
    yield _words("0", _LEFT - 10, top + height, theme.muted, anchor="end")


def _parts(series: Series, y: float, theme: Theme) -> Iterator[Label]:
    """What the parts of a series are called, above where each begins."""
    colors = (theme.tensors["output"].stroke, theme.gradient_text)
    starts = (0, series.split or 0)
    for at, (words, color, start) in enumerate(zip(series.parts, colors, starts)):
        x = _LEFT + (WIDTH - _LEFT) * start / max(len(series.numbers), 1)
        yield _words(words, x if at else x + text.width(series.name, _SIZE, bold=True) + 30, y, color, bold=True)


def matrix(rows: Sequence[Sequence[int]], theme: Theme, *, down: str = "", across: str = "") -> Scene:
    """Counts in cells, the larger the darker: a confusion matrix.

    Args:
        rows: Counts; row and column are numbered from 0.
        theme: Gives the colours.
        down: What a row stands for.
        across: What a column stands for.
    """
    most = max((max(row) for row in rows), default=1) or 1
    left, top = _MARGIN + max(60.0, text.width(down, _SIZE) + 40), _MARGIN + 54.0
    boxes, labels = [], []
    for at, row in enumerate(rows):
        y = top + at * _CELL
        labels.append(_words(str(at), left - 10, y + _CELL / 2 + 6, theme.text, anchor="end", bold=True))
        labels.append(_words(str(at), left + (at + 0.5) * _CELL, top - 9, theme.text, anchor="middle", bold=True))
        boxes += [_cell(at, place, count, most, (left, y), theme) for place, count in enumerate(row)]
    side = len(rows) * _CELL
    if down:
        labels.append(_words(down, left - 34, top + side / 2 + 6, theme.muted, anchor="end"))
    if across:
        labels.append(_words(across, left + side / 2, _MARGIN + 18, theme.muted, anchor="middle"))
    return _scene(boxes, labels, theme, left + side + _MARGIN, top + side + _MARGIN)


def _cell(row: int, column: int, count: int, most: int, corner: tuple[float, float], theme: Theme) -> Box:
    """One count: on the diagonal in the colour of outputs, off it in that of errors."""
    hue = theme.tensors["output"].stroke if row == column else theme.error
    ground = theme.background or "#ffffff"
    share = 0.0 if count == 0 else 0.12 + 0.28 * count / most
    words = (text.run(text.count(count), _SIZE, theme.text, bold=row == column),) if count else ()
    x, y = corner
    frame = (x + column * _CELL, y, _CELL, _CELL)
    return _ruled(f"cell{row}_{column}", [words] if words else [], blend(hue, ground, share), frame, theme)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], theme: Theme) -> Scene:
    """Rows of words under a head; the first column names the rows.

    Args:
        head: A word for each column.
        rows: As many words each; what is too wide for its column is broken into lines.
        theme: Gives the colours.
    """
    widths = _widths([head, *rows])
    y, boxes = _MARGIN, []
    for number, row in enumerate([head, *rows]):
        bold = [number == 0 or at == 0 for at in range(len(row))]
        cells = [_broken(*each, theme) for each in zip(row, widths, bold)]
        high = max(len(lines) for lines in cells) * text.line_height(_SIZE) + 14
        x = _MARGIN
        for at, (lines, width) in enumerate(zip(cells, widths)):
            fill = theme.group.fill if number == 0 else theme.background or "#ffffff"
            boxes.append(_ruled(f"cell{number}_{at}", lines, fill, (x, y, width, high), theme))
            x += width
        y += high
    return _scene(boxes, [], theme, sum(widths) + 2 * _MARGIN, y + _MARGIN)


def _widths(rows: Sequence[Sequence[str]]) -> list[float]:
    """What each column gets: what it needs, or its share of the page where that is too much."""
    needs = [max(text.width(words, _SIZE, bold=True) for words in column) * 1.06 + 28 for column in zip(*rows)]
    spare = WIDTH - sum(needs)
    if spare >= 0:
        return needs
    even = WIDTH / len(needs)
    small = sum(need for need in needs if need <= even)
    large = sum(need for need in needs if need > even)
    return [need if need <= even else (WIDTH - small) * need / large for need in needs]


def _ruled(
    name: str, lines: Sequence[tuple[Text, ...]], fill: str, frame: tuple[float, float, float, float], theme: Theme
) -> Box:
    """A cell with a thin border."""
    x, y, width, height = (round(number, 2) for number in frame)
    return Box(
        name, "tensor", lines=tuple(lines), fill=fill, stroke=theme.group.stroke, stroke_width=1.0,
        x=x, y=y, width=width, height=height,
    )  # fmt: skip


def _broken(words: str, width: float, bold: bool, theme: Theme) -> tuple[tuple[Text, ...], ...]:
    run = text.run(words, _SIZE, theme.text, bold=bold)
    return tuple((line,) for line in text.wrap(run, (width - 20) / 1.05))


def page(lines: Sequence[str], theme: Theme) -> Scene:
    """Sentences, one below the other, with room between; what begins with a dash is a point of a list."""
    size, y, labels = 24.0, _MARGIN + 36.0, []
    for line in lines:
        point = line.startswith("- ")
        run = text.run(line.removeprefix("- "), size, theme.text)
        for number, part in enumerate(text.wrap(run, (WIDTH - 60) / 1.05)):
            if point and number == 0:
                labels.append(_words("•", _MARGIN + 8, y, theme.tensors["output"].stroke, size=size))
            labels.append(Label((part,), _MARGIN + (34 if point else 0), round(y, 2)))
            y += 1.35 * size
        y += 0.65 * size
    return _scene([], labels, theme, WIDTH + 2 * _MARGIN, max(y, HEIGHT + 2 * _MARGIN))


def _words(
    words: str, x: float, y: float, color: str, *, anchor: Anchor = "start", bold: bool = False, size: float = _SIZE
) -> Label:
    return Label((text.run(words, size, color, bold=bold),), round(x, 2), round(y, 2), anchor)


def _scene(boxes: Sequence[Box], labels: Sequence[Label], theme: Theme, width: float, height: float) -> Scene:
    return Scene(
        boxes=tuple(boxes), labels=tuple(labels), background=theme.background, font=theme.font,
        width=round(width, 2), height=round(height, 2),
    )  # fmt: skip
