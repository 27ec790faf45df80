"""Breaks the title of a group in two rows: a group that is narrower than its title need not be as wide as that."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from render import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from render.scene import Box, Text

ROW: Final = 16.0  # from one base line of a title to the next
SIDES: Final = 24.0  # room around a row, both sides together
SLACK: Final = 1.08  # fonts differ
Row = tuple["Text", ...]


def in_two_rows(box: Box) -> Box | None:
    """A group with its title broken where that makes it narrowest; None where nothing is gained by it.

    It breaks between the name and what is said of it, or between two of the things said.

    Args:
        box: A group, not yet placed, with the width that its title needs.
    """
    if len(box.lines) != 1:
        return None
    lines = min(_breaks(box.lines[0]), key=_widest, default=box.lines)
    width = round(SLACK * _widest(lines) + SIDES, 2)
    return replace(box, lines=lines, width=width, height=box.height + ROW) if width < box.width else None


def _widest(lines: tuple[Row, ...]) -> float:
    return max(map(text.line_width, lines))


def _breaks(row: Row) -> Iterator[tuple[Row, Row]]:
    """Every way to break a row: before a run, or at a dot within one."""
    for at, run in enumerate(row):
        if at:
            yield row[:at], (_said(run, run.text.lstrip()), *row[at + 1 :])
        for cut in (dot.span() for dot in re.finditer(" · ", run.text)):
            before, after = run.text[: cut[0]], run.text[cut[1] :]
            if before.strip() and after.strip():
                yield (*row[:at], _said(run, before)), (_said(run, after), *row[at + 1 :])


def _said(run: Text, words: str) -> Text:
    """A run with other words, as titles have them: without a subscript."""
    return text.run(words, run.size, run.color, bold=run.bold)
