"""The panel of a slide with the author's code: which lines are seen at each step, and which are marked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from render import code, text
from render.blocks import Block, panel
from render.frames import blend
from render.listing import Place, lines_of
from render.scene import Box
from render.slide import TEXT, Area

if TYPE_CHECKING:
    from render.steps import Step, Storyboard
    from render.theme import Theme

PITCH: Final = 22.0  # pixels from line to line
_PAD: Final = 16.0
_NUMBERS: Final = 5.5  # columns for the number of a line, with room on both sides
_DIM: Final = 0.5  # how much of its colour a line has that builds nothing


class CodePanel:
    """The panel with the code: what is seen of it at each step, and which lines are marked.

    Args:
        board: The steps.
        frame: Of the panel.
        theme: Gives the colours.
    """

    def __init__(self, board: Storyboard, frame: Area, theme: Theme) -> None:
        self.board, self.frame, self.theme = board, frame, theme
        self.inside = frame.inside(0.0, _PAD / 2)
        self.height = max(1, int(self.inside.height / PITCH))
        self.sheets = [self._sheet(number) for number in range(len(board.listings))]
        self.windows = self._scrolled()

    def _sheet(self, number: int) -> Sheet:
        """The lines of a listing in rows; those that build nothing are dim."""
        places = [place for step in self.board.steps for place in (step.running, step.about)]
        busy = lines_of(places, number)
        room = self.frame.width - _PAD - self._gutter
        rows: list[tuple[int, code.Line]] = []
        for line, words in code.coloured(self.board.listings[number], self.theme, TEXT).items():
            shown = words if line in busy else self._dimmed(words)
            rows += [(line, row) for row in code.wrapped(shown, room)]
        return Sheet(tuple(rows))

    def _dimmed(self, line: code.Line) -> code.Line:
        return tuple(replace(run, color=blend(run.color, self.theme.group.fill, _DIM)) for run in line)

    @property
    def _gutter(self) -> float:
        return text.width("0", TEXT, mono=True) * _NUMBERS

    def blocks(self, number: int) -> list[Block]:
        """The numbers of the lines, and the lines."""
        listing, top = self.windows[number]
        rows = self.sheets[listing].rows[top : top + self.height]
        color = blend(self.theme.muted, self.theme.group.fill, 0.7)
        firsts = [line != before for (line, _), before in zip(rows, [0, *(line for line, _ in rows)])]
        marks = [
            (text.run(f"{line:>3}", TEXT, color, mono=True),) if first else () for (line, _), first in zip(rows, firsts)
        ]
        left, gutter = self.inside, self._gutter
        numbers = replace(left, x=left.x + _PAD / 2, width=gutter - _PAD / 2)
        code_area = replace(left, x=left.x + gutter, width=left.width - gutter)
        lines = tuple(row for _, row in rows)
        return [Block("page_numbers", numbers, tuple(marks), PITCH), Block("page_code", code_area, lines, PITCH)]

    def panels(self, number: int, step: Step) -> list[Box]:
        """The panel, and what marks the lines that run and those that are differentiated, as far as they are seen."""
        words = self.board.words
        found = [panel("page_panel", words("code"), self.frame, self.theme.group.fill, self.theme.group.stroke, 1.0)]
        hue = self.theme.tensors["output"].stroke if step.kind == "forward" else self.theme.gradient
        for name, place, share in (("running", step.running, 0.16), ("about", step.about, 0.09)):
            bar = self._bar(place, number)
            if bar is not None and place is not None:
                told = words("line", line=place.first)
                found.append(panel(f"page_{name}", told, bar, blend(hue, self.theme.group.fill, share)))
                if name == ("running" if step.about is None else "about"):
                    found.append(panel("page_mark", told, replace(bar, width=5.0), hue))
        return found

    def _bar(self, place: Place | None, number: int) -> Area | None:
        """Across the panel behind some lines, as far as they are seen."""
        listing, top = self.windows[number]
        if place is None or place.listing != listing:
            return None
        span = self.sheets[listing].span(place)
        first, last = max(span.start, top), min(span.stop, top + self.height)
        if first >= last:
            return None
        y = self.inside.y + (first - top) * PITCH
        return Area(self.frame.x + 0.5, y, self.frame.width - 1.0, (last - first) * PITCH)

    def _scrolled(self) -> list[tuple[int, int]]:
        """For each step which listing is seen, and its first row; scrolled only to what would be out of sight."""
        found: list[tuple[int, int]] = []
        listing, top = 0, 0
        for step in self.board.steps:
            places = [place for place in (step.about, step.running) if place is not None]
            if places:
                top = top if places[0].listing == listing else 0
                listing = places[0].listing
                spans = [self.sheets[listing].span(place) for place in places if place.listing == listing]
                first, last = min(span.start for span in spans), max(span.stop for span in spans)
                if last - first > self.height:  # they are not seen together: what is differentiated is
                    first, last = spans[0].start, min(spans[0].stop, spans[0].start + self.height)
                if first < top or last > top + self.height:
                    spare = max(0, self.height - (last - first)) // 3
                    top = min(first - spare, len(self.sheets[listing].rows) - self.height)
                    top = max(0, min(first, max(top, last - self.height)))
            found.append((listing, top))
        return found


@dataclass(frozen=True)
class Sheet:
    """A listing in rows, long lines in several.

    Attributes:
        rows: The number of the line and the runs of each row.
    """

    rows: tuple[tuple[int, code.Line], ...]

    def span(self, place: Place) -> range:
        """The rows of some lines; empty where they are not known."""
        found = [at for at, (line, _) in enumerate(self.rows) if place.first <= line <= place.last]
        return range(found[0], found[-1] + 1) if found else range(0)
