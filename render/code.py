"""The author's code in colours: each line of a listing as runs of text in a face of equal widths, by Pygments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from render import html, text
from render.listing import Listing
from render.scene import Text
from render.theme import Theme

_MAX_COLUMNS: Final = 400  # of a line; nobody reads further
Line = tuple[Text, ...]


def coloured(listing: Listing, theme: Theme, size: float) -> Mapping[int, Line]:
    """The lines of a listing by number, measured, with nothing that is no character of a line.

    Args:
        listing: Code as it stands in its file; broken Python is coloured as far as it goes.
        theme: Gives the colours of names and comments, and whether others are dark or light.
        size: Font size.
    """
    colors = html.code_colors(theme)
    return {
        number: _row([(_clean(words), colors.get(kind, theme.text)) for kind, words in row], size)
        for number, row in html.lines(listing).items()
    }


def _row(parts: Sequence[tuple[str, str]], size: float) -> Line:
    """Words with their colours as runs, neighbours of one colour together."""
    found: list[Text] = []
    for color, group in groupby(parts, key=lambda part: part[1]):
        words = "".join(words for words, _ in group)
        if words:
            found.append(text.run(words, size, color, mono=True))
    return clipped(tuple(found), text.width("0", size, mono=True) * _MAX_COLUMNS, "")


def clipped(line: Line, room: float, color: str) -> Line:
    """A line that is no wider than `room`: what is beyond gives way to an ellipsis in `color`."""
    if text.line_width(line) <= room or not line:
        return line
    dots = text.run("…", line[0].size, color or line[-1].color, mono=True)
    kept: list[Text] = []
    for run in line:
        room -= run.width
        if room < dots.width:
            part = run.text
            while part and text.width(part, run.size, mono=True) > room + run.width - dots.width:
                part = part[:-1]
            return (*kept, *([text.run(part, run.size, run.color, mono=True)] if part else []), dots)
        kept.append(run)
    return tuple(kept)


def _clean(words: str) -> str:
    """Words without control characters and bidi overrides, their spaces kept."""
    return words if words.isprintable() else text.clean(f"|{words}|")[1:-1]
