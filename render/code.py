"""The author's code in colours: each line of a listing as runs of text in a face of equal widths, by Pygments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from render import html, text
from render.listing import Listing
from render.scene import Text
from render.theme import Theme

_MAX_COLUMNS: Final = 400  # of one word; nobody reads further
_HANGING: Final = 4  # columns that the rows of a long line stand further in
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
        number: _row([(_clean(words[:_MAX_COLUMNS]), colors.get(kind, theme.text)) for kind, words in row], size)
        for number, row in html.lines(listing).items()
    }


def _row(parts: Sequence[tuple[str, str]], size: float) -> Line:
    """Words with their colours as runs, neighbours of one colour together."""
    found: list[Text] = []
    for color, group in groupby(parts, key=lambda part: part[1]):
        words = "".join(words for words, _ in group)
        if words:
            found.append(text.run(words, size, color, mono=True))
    return tuple(found)


def wrapped(line: Line, room: float, rows: int = 3) -> tuple[Line, ...]:
    """A line in as many rows as it needs to be no wider than `room`, those after the first further in than it begins.

    Args:
        line: As `coloured` gives it.
        room: In pixels.
        rows: The most there may be; what is beyond gives way to an ellipsis.
    """
    letters = [(character, run) for run in line for character in run.text]
    words = "".join(character for character, _ in letters)
    indent = " " * (len(words) - len(words.lstrip(" ")) + _HANGING)
    if text.line_width(line) <= room or not letters:
        return (line,)
    found: list[Line] = []
    while letters:
        lead = indent if found else ""
        end = _break(letters, room - text.width(lead, line[0].size, mono=True))
        last = len(found) == rows - 1 and end < len(letters)
        part = [*letters[: end - 1], ("…", letters[end - 1][1])] if last else letters[:end]
        found.append(_joined([(character, line[0]) for character in lead] + part))
        end += next((at for at, (each, _) in enumerate(letters[end:]) if each != " "), 0)
        letters = [] if last else letters[end:]
    return tuple(found)


def _break(letters: Sequence[tuple[str, Text]], room: float) -> int:
    """How many letters a row takes: up to the last space or comma that has room, if that is not far back."""
    end, used = 0, 0.0
    while end < len(letters):
        used += text.width(letters[end][0], letters[end][1].size, mono=True)
        if used > room and end:
            break
        end += 1
    if end == len(letters):
        return end
    breaks = [at for at in range(end // 2, end) if letters[at][0] in " ,("]
    return breaks[-1] + 1 if breaks else end


def _joined(letters: Sequence[tuple[str, Text]]) -> Line:
    groups = groupby(letters, key=lambda each: each[1].color)
    size = letters[0][1].size
    return tuple(text.run("".join(each for each, _ in group), size, color, mono=True) for color, group in groups)


def _clean(words: str) -> str:
    """Words without control characters and bidi overrides, their spaces kept."""
    return words if words.isprintable() else text.clean(f"|{words}|")[1:-1]
