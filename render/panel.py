"""The panel of a slide with the author's code: which lines are seen at each step, and which are marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
        self.rows = max(1, int(self.inside.height / PITCH))
        self.windows = _scrolled(board, self.rows)
        self.lines = [self._coloured(number) for number in range(len(board.listings))]

    def _coloured(self, number: int) -> Mapping[int, code.Line]:
        """The lines of a listing; those that build nothing are dim."""
        places = [place for step in self.board.steps for place in (step.running, step.about)]
        busy = lines_of(places, number)
        found = code.coloured(self.board.listings[number], self.theme, TEXT)
        room = self.frame.width - _PAD - self._gutter
        clipped = {row: code.clipped(line, room, self.theme.muted) for row, line in found.items()}
        return {row: line if row in busy else self._dimmed(line) for row, line in clipped.items()}

    def _dimmed(self, line: code.Line) -> code.Line:
        return tuple(replace(run, color=blend(run.color, self.theme.group.fill, _DIM)) for run in line)

    @property
    def _gutter(self) -> float:
        return text.width("0", TEXT, mono=True) * _NUMBERS

    def blocks(self, number: int) -> list[Block]:
        """The numbers of the lines, and the lines."""
        listing, top = self.windows[number]
        rows = range(top, top + self.rows)
        known = self.board.listings[listing].lines
        color = blend(self.theme.muted, self.theme.group.fill, 0.7)
        marks = tuple((text.run(f"{row:>3}", TEXT, color, mono=True),) if row in known else () for row in rows)
        lines = tuple(self.lines[listing].get(row, ()) for row in rows)
        left, right = self.inside, self.inside.x + self._gutter
        return [
            Block("page_numbers", replace(left, x=left.x + _PAD / 2, width=self._gutter - _PAD / 2), marks, PITCH),
            Block("page_code", replace(left, x=right, width=left.x + left.width - right), lines, PITCH),
        ]

    def panels(self, number: int) -> list[Box]:
        """The panel, and what marks the lines that run and those that are differentiated."""
        step = self.board.steps[number]
        words = self.board.words
        found = [panel("page_panel", words("code"), self.frame, self.theme.group.fill, self.theme.group.stroke, 1.0)]
        hue = self.accent(step)
        for name, place, share in (("running", step.running, 0.16), ("about", step.about, 0.09)):
            bar = self._bar(place, number)
            if bar is not None and place is not None:
                told = words("line", line=place.first)
                found.append(panel(f"page_{name}", told, bar, blend(hue, self.theme.group.fill, share)))
                if name == ("running" if step.about is None else "about"):
                    found.append(panel("page_mark", told, replace(bar, width=5.0), hue))
        return found

    def accent(self, step: Step) -> str:
        """What marks a line: the gradient's hue in backward."""
        return self.theme.tensors["output"].stroke if step.kind == "forward" else self.theme.gradient

    def _bar(self, place: Place | None, number: int) -> Area | None:
        """Across the panel behind some lines, as far as they are seen."""
        listing, top = self.windows[number]
        if place is None or place.listing != listing:
            return None
        first, last = max(place.first, top), min(place.last, top + self.rows - 1)
        if first > last:
            return None
        y = self.inside.y + (first - top) * PITCH
        return Area(self.frame.x + 0.5, y, self.frame.width - 1.0, (last - first + 1) * PITCH)


def _scrolled(board: Storyboard, rows: int) -> list[tuple[int, int]]:
    """For each step which listing is seen, and its first line; scrolled only where what runs would be out of sight."""
    found: list[tuple[int, int]] = []
    listing, top = 0, 0
    for step in board.steps:
        place = step.about or step.running
        both = [each for each in (step.about, step.running) if each is not None]
        if place is not None:
            if top == 0 or place.listing != listing:
                listing, top = place.listing, _first(board, place, rows)
            near = [each for each in both if each.listing == listing]
            first, last = min(each.first for each in near), max(each.last for each in near)
            if last - first >= rows:  # they are not seen together: what is differentiated is
                first, last = place.first, min(place.last, place.first + rows - 1)
            if first < top or last > top + rows - 1:
                top = _clamped(board, listing, first - rows // 3 if last - first < 2 * rows // 3 else first, rows)
                top = min(top, first) if first < top else max(top, last - rows + 1)
        found.append((listing, max(top, 1)))
    return found


def _first(board: Storyboard, place: Place, rows: int) -> int:
    """Where a listing is seen from at first: its beginning where that shows what runs."""
    begin = min(board.listings[place.listing].lines, default=1)
    return begin if place.last < begin + rows else _clamped(board, place.listing, place.first - rows // 3, rows)


def _clamped(board: Storyboard, listing: int, top: int, rows: int) -> int:
    """`top`, so that the panel is full where the listing is long enough."""
    lines = board.listings[listing].lines
    return max(min(lines, default=1), min(top, max(lines, default=1) - rows + 1))
