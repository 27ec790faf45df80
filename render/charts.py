"""Charts as scenes, for what a graph does not show: numbers along a run as bars, and a matrix of counts.

They consist of boxes and words alone, so every drawn format has them, and PowerPoint can edit them.
"""

from __future__ import annotations

import math
import re
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
_SIZES: Final = (24.0, 22.0, 20.0, 18.5, _SIZE)  # of the words of a table
_SLACK: Final = 1.06  # room for fonts that run wider
_LETTERS: Final = (32.0, 30.0, 28.0, 26.0, 24.0)  # and of those of a page


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
    """Numbers as bars, one panel a series, one below the other, all on the same scales.

    Args:
        series: What to draw.
        theme: Gives the colours.
        along: What the numbers run along (`steps`).
        unit: Behind the numbers on the axis.
    """
    gap, foot = 40.0, 44.0 if along else 10.0
    height = (HEIGHT - foot - gap * (len(series) - 1)) / max(len(series), 1)
    length = max((len(each.numbers) for each in series), default=0)
    scale = _Scale(length, max((max(averaged(each.numbers), default=0.0) for each in series), default=0.0) or 1.0, unit)
    boxes: list[Box] = []
    labels: list[Label] = []
    for at, each in enumerate(series):
        top, high = _MARGIN + at * (height + gap) + 26, height - 26
        boxes += [*scale.lines(at, top, high, theme), *_panel(each, at, top, high, scale, theme)]
        labels.append(_words(each.name, _LEFT, top - 12, theme.text, bold=True))
        labels += [*scale.words(top, high, theme), *_parts(each, top - 12, scale, theme)]
    if along:
        labels += scale.along(along, _MARGIN + HEIGHT - foot, theme)
    return _scene(boxes, labels, theme, WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The axes of bars.

    Attributes:
        length: How many numbers the longest series has.
        most: The largest number.
        unit: Behind the numbers.
    """

    length: int
    most: float
    unit: str

    @property
    def step(self) -> float:
        """How far apart the bars stand."""
        return (WIDTH - _LEFT) / max(min(self.length, _MOST_BARS), 1)

    def at(self, number: float) -> float:
        """Where along the axis a number of the series begins, counted from 0."""
        return _LEFT + (WIDTH - _LEFT) * number / max(self.length, 1)

    def lines(self, panel: int, top: float, height: float, theme: Theme) -> Iterator[Box]:
        """A thin line at each number of the axis but 0."""
        pale = blend(theme.muted, theme.background or "#ffffff", 0.15)
        for number, tick in enumerate(ticks(self.most)[1:], 1):
            yield Box(
                f"line{panel}_{number}", "tensor", fill=pale, stroke=pale, stroke_width=0.2, x=_LEFT - 4,
                y=round(top + height * (1 - tick / self.most), 2), width=WIDTH - _LEFT + 4, height=0.6,
            )  # fmt: skip

    def words(self, top: float, height: float, theme: Theme) -> Iterator[Label]:
        """Round numbers beside the axis."""
        for tick in ticks(self.most):
            y = top + height * (1 - tick / self.most) + 0.35 * _SIZE
            yield _words(f"{text.number(tick)}{self.unit}", _LEFT - 10, y, theme.muted, anchor="end")

    def along(self, name: str, y: float, theme: Theme) -> Iterator[Label]:
        """Round numbers under the axis, and what they count."""
        yield _words(f"{name} →", WIDTH, y + 40, theme.muted, anchor="end")
        for tick in ticks(self.length, 8):
            if tick == round(tick) and tick > 0:
                yield _words(text.count(round(tick)), self.at(tick - 0.5), y + 20, theme.muted, anchor="middle")


def ticks(most: float, count: int = 4) -> list[float]:
    """Round numbers from 0 to at most `most`, about so many of them (steps of 1, 2 or 5 times a power of ten)."""
    if not most > 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most / count))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= most / count * 0.999)
    return [round(at * step, 10) for at in range(int(most / step + 1e-9) + 1)]


def averaged(numbers: Sequence[float], most: int = _MOST_BARS) -> list[float]:
    """At most `most` means of neighbours, which together are all of the numbers."""
    parts = min(most, len(numbers))
    ends = [round(at * len(numbers) / parts) for at in range(parts + 1)] if parts else []
    return [sum(numbers[first:end]) / (end - first) for first, end in pairwise(ends)]


def _panel(series: Series, number: int, top: float, height: float, scale: _Scale, theme: Theme) -> Iterator[Box]:
    """The bars of a series, and the line they stand on."""
    found = averaged(series.numbers)
    share = len(found) / max(len(series.numbers), 1)
    for at, value in enumerate(found):
        first = series.split is None or at < series.split * share
        fill = theme.tensors["output"].stroke if first else theme.gradient
        high = height * value / scale.most
        yield Box(
            f"bar{number}_{at}", "tensor", fill=blend(fill, theme.background or "#ffffff", 0.75), stroke=fill,
            stroke_width=0.5, x=round(_LEFT + at * scale.step, 2), y=round(top + height - high, 2),
            width=round(min(0.86 * scale.step, 40.0), 2), height=round(max(high, 0.5), 2),
        )  # fmt: skip
    yield Box(
        f"axis{number}", "tensor", fill=theme.edge, stroke=theme.edge, stroke_width=0.5, x=_LEFT - 4,
        y=round(top + height, 2), width=WIDTH - _LEFT + 4, height=1.0,
    )  # fmt: skip


def _parts(series: Series, y: float, scale: _Scale, theme: Theme) -> Iterator[Label]:
    """What the parts of a series are called, above where each begins."""
    colors = (theme.tensors["output"].stroke, theme.gradient_text)
    free = _LEFT + text.width(series.name, _SIZE, bold=True) * _SLACK + 16
    for at, (words, color) in enumerate(zip(series.parts, colors)):
        x = max(free, scale.at(series.split or 0)) if at else free
        yield _words(words, x, y, color, bold=True)
        free = x + text.width(words, _SIZE, bold=True) * _SLACK + 24


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
    """Rows of words under a head, as large as there is room for; the first column names the rows.

    A name that is that of the row above is left out, and what is no finite number stands in the colour of errors.

    Args:
        head: A word for each column.
        rows: As many words each; what is too wide for its column is broken into lines.
        theme: Gives the colours.
    """
    names = [row[0] for row in rows]
    names = ["" if at and name == names[at - 1] else name for at, name in enumerate(names)]
    shown = [[name, *row[1:]] for name, row in zip(names, rows)]
    for size in _SIZES:
        scene = _table([head, *shown], size, theme)
        if scene.height <= HEIGHT + 2 * _MARGIN:
            break
    return scene


def _table(rows: Sequence[Sequence[str]], size: float, theme: Theme) -> Scene:
    widths = _widths(rows, size)
    y, boxes = _MARGIN, []
    for number, row in enumerate(rows):
        cells = [
            _broken(words, width, theme, size=size, bold=number == 0 or at == 0)
            for at, (words, width) in enumerate(zip(row, widths))
        ]
        high = max(len(lines) for lines in cells) * text.line_height(size) + 0.8 * size
        x = _MARGIN
        for at, (lines, width) in enumerate(zip(cells, widths)):
            fill = theme.group.fill if number == 0 else theme.background or "#ffffff"
            boxes.append(_ruled(f"cell{number}_{at}", lines, fill, (x, y, width, high), theme))
            x += width
        y += high
    return _scene(boxes, [], theme, sum(widths) + 2 * _MARGIN, y + _MARGIN)


def _widths(rows: Sequence[Sequence[str]], size: float) -> list[float]:
    """What each column gets: what it needs, or its share of the page where that is too much."""
    needs = [_needed(column, size) for column in zip(*rows)]
    if sum(needs) <= WIDTH:
        return needs
    words = [_needed([word for cell in column for word in cell.split()], size) for column in zip(*rows)]
    spare = max(0.0, WIDTH - sum(words)) / max(1e-9, sum(needs) - sum(words))
    return [word + spare * (need - word) for word, need in zip(words, needs)]


def _needed(cells: Sequence[str], size: float) -> float:
    """The width of a column in which none of these is broken."""
    return max((text.width(words, size, bold=True) for words in cells), default=0.0) * _SLACK + 28


def _ruled(
    name: str, lines: Sequence[tuple[Text, ...]], fill: str, frame: tuple[float, float, float, float], theme: Theme
) -> Box:
    """A cell with a thin border."""
    x, y, width, height = (round(number, 2) for number in frame)
    return Box(
        name, "tensor", lines=tuple(lines), fill=fill, stroke=theme.group.stroke, stroke_width=1.0,
        x=x, y=y, width=width, height=height,
    )  # fmt: skip


def _broken(words: str, width: float, theme: Theme, *, size: float, bold: bool) -> tuple[tuple[Text, ...], ...]:
    wrong = re.search(r"\b(nan|inf)\b", words) is not None
    run = text.run(words, size, theme.error if wrong else theme.text, bold=bold or wrong)
    return tuple((line,) for line in text.wrap(run, (width - 20) / 1.05))


def page(lines: Sequence[str], theme: Theme) -> Scene:
    """Sentences, one below the other, with room between; what begins with a dash is a point of a list.

    Letters are as large as there is room for.
    """
    for size in _LETTERS:
        labels, high = _paragraphs(lines, size, theme)
        if high <= HEIGHT + _MARGIN:
            break
    return _scene([], labels, theme, WIDTH + 2 * _MARGIN, max(high + _MARGIN, HEIGHT + 2 * _MARGIN))


def _paragraphs(lines: Sequence[str], size: float, theme: Theme) -> tuple[list[Label], float]:
    """The lines of a page, and where they end."""
    y, labels = _MARGIN + 1.5 * size, []
    for line in lines:
        point = line.startswith("- ")
        run = text.run(line.removeprefix("- "), size, theme.text)
        for number, part in enumerate(text.wrap(run, (WIDTH - 60) / 1.05)):
            if point and number == 0:
                labels.append(_words("•", _MARGIN + 8, y, theme.tensors["output"].stroke, size=size))
            labels.append(Label((part,), _MARGIN + (1.4 * size if point else 0), round(y, 2)))
            y += 1.35 * size
        y += 0.65 * size
    return labels, y - 1.6 * size


def _words(
    words: str, x: float, y: float, color: str, *, anchor: Anchor = "start", bold: bool = False, size: float = _SIZE
) -> Label:
    return Label((text.run(words, size, color, bold=bold),), round(x, 2), round(y, 2), anchor)


def _scene(boxes: Sequence[Box], labels: Sequence[Label], theme: Theme, width: float, height: float) -> Scene:
    return Scene(
        boxes=tuple(boxes), labels=tuple(labels), background=theme.background, font=theme.font,
        width=round(width, 2), height=round(height, 2),
    )  # fmt: skip
