"""The scale of colours in the legend: a bar with numbers for amounts, samples with words for all else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from render import text
from render.legend import ROW, Entry, Placed, place, widest
from render.scene import Box, Text

_BAR: Final = 300.0  # width of a bar where there is room
_LEAST: Final = 170.0
_HEIGHT: Final = 13.0
_STRIPES: Final = 40
_TICK: Final = 12.0  # size of the numbers
_APART: Final = 12.0  # between two numbers, and between title and bar
_DOWN: Final = 16.0  # from the bar to the base line of the numbers
_DECADES: Final = (1, 2, 3, 5, 10, 20, 50, 100)  # one number for so many powers of ten


@dataclass(frozen=True, slots=True)
class Ramp:
    """Colours from low over middle to high; lightness goes one way throughout, as themes are tested for.

    Attributes:
        low: Six-digit hex colour.
        middle: Halfway.
        high: At the end.
    """

    low: str
    middle: str
    high: str

    def at(self, share: float) -> str:
        """The colour at a place from 0 to 1."""
        first, last = (self.low, self.middle) if share <= 0.5 else (self.middle, self.high)
        way = 2 * share - (share > 0.5)
        mixed = (a + way * (b - a) for a, b in zip(_channels(first), _channels(last)))
        return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def _channels(color: str) -> tuple[int, ...]:
    return tuple(int(color[at : at + 2], 16) for at in (1, 3, 5))


@dataclass(frozen=True, slots=True)
class Span:
    """The amounts from the smallest to the largest.

    Attributes:
        low: The smallest, above 0.
        high: The largest.
        linear: Whether the scale is linear, from 0; otherwise it is logarithmic, from the smallest.
    """

    low: float
    high: float
    linear: bool = False

    def share(self, amount: float) -> float:
        """Where an amount lies, from 0 to 1; the one amount there is lies at the end."""
        if self.linear:
            return amount / self.high
        low, high = math.log(self.low), math.log(self.high)
        return min(1.0, max(0.0, (math.log(amount) - low) / (high - low))) if high > low else 1.0

    def ticks(self, count: int) -> list[float]:
        """Both ends, and round numbers between them, about so many in all."""
        if self.linear:
            step = _round_up(self.high / count)
            return [0.0, *(step * number for number in range(1, math.ceil(self.high / step))), self.high]
        if self.high <= self.low:
            return [self.high]
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = next((each for each in _DECADES if (last - first) / each < count - 1), _DECADES[-1])
        between = [10.0**power for power in range(first, last + 1) if power % step == 0]
        return [self.low, *(each for each in between if self.low < each < self.high), self.high]


def _round_up(amount: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10.0 ** math.floor(math.log10(amount))
    return power * next(step for step in (1, 2, 5, 10) if step * power >= amount * 0.999)


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of a picture mean.

    Attributes:
        title: The quantity.
        entries: Samples of what is no amount.
        span: The amounts there are; None for categories.
        ramp: Their colours.
        spell: An amount in words.
        frame: Paint of the bar's frame.
    """

    title: Text
    entries: Sequence[Entry]
    span: Span | None
    ramp: Ramp
    spell: Callable[[float], str]
    frame: Box

    @property
    def width(self) -> float:
        """The least it needs from left to right."""
        return max(self.title.width, widest(self.entries), 0.0 if self.span is None else _LEAST)

    def place(self, placed: Placed, left: float, y: float, limit: float) -> float:
        """Sets the title, the bar beside it or below, and samples under both.

        Args:
            placed: Where it is put.
            left: Where it begins.
            y: Base line of its first row.
            limit: How wide it may be.

        Returns:
            The base line of the row after it.
        """
        placed.write(self.title, left, y)
        if self.span is None:
            beside = left + self.title.width + 2 * _APART
            if beside - left + widest(self.entries) <= limit:
                return place(self.entries, beside, y, limit - (beside - left), placed)
            return place(self.entries, left, y + ROW, limit, placed)
        at, top = left + self.title.width + 2 * _APART, y - _HEIGHT + 2
        if at - left + _LEAST > limit:
            at, top = left, y + 8
        self._bar(placed, self.span, at, top, min(_BAR, limit - (at - left)))
        return place(self.entries, left, top + _HEIGHT + _DOWN + ROW, limit, placed)

    def _bar(self, placed: Placed, span: Span, left: float, top: float, width: float) -> None:
        placed.paint(self.frame, left - 1, top - 1, width + 2, _HEIGHT + 2)
        one = span.high <= span.low and not span.linear
        stripes = 1 if one else _STRIPES
        for stripe in range(stripes):
            color = self.ramp.at(1.0 if one else stripe / (stripes - 1))
            paint = Box("", "swatch", fill=color, stroke=color, stroke_width=0.01)
            start = left + width * stripe / stripes  # each reaches to the end, or a gap would show where two meet
            placed.paint(paint, start, top, left + width - start, _HEIGHT)
        self._numbers(placed, span, left, top, width)

    def _numbers(self, placed: Placed, span: Span, left: float, top: float, width: float) -> None:
        """The numbers under a bar: both ends first, then those between that find room."""
        ticks = span.ticks(6)
        ends = [ticks[0], ticks[-1]] if len(ticks) > 1 else ticks
        taken: list[tuple[float, float]] = []
        for tick in (*ends, *ticks[1:-1]):
            words = text.run(self.spell(tick), _TICK, self.title.color)
            x = left + width * (span.share(tick) if len(ends) > 1 else 0.5)
            start = min(max(left, x - words.width / 2), left + width - words.width)
            if all(start > end + _APART or start + words.width + _APART < begin for begin, end in taken):
                taken.append((start, start + words.width))
                placed.write(words, start, top + _HEIGHT + _DOWN)
                mark = Box("", "swatch", fill=self.frame.stroke, stroke=self.frame.stroke, stroke_width=0.01)
                placed.paint(mark, min(max(left, x - 0.5), left + width - 1), top + _HEIGHT + 1, 1.0, 4.0)
