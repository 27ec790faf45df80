"""Parts of the HTML deck: its style sheet and its script, and the author's code as coloured lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from render.listing import Listing
from render.theme import Theme

_FOLDER: Final = Path(__file__).parent
_TAB: Final = 4
# By the first of Pygments' token types that fits; names in the style sheet.
_KINDS: Final = {"Keyword": "k", "Literal.String": "s", "Literal.Number": "n", "Comment": "c", "Name.Builtin": "b"}
_DARK: Final = {"k": "#5b2a86", "s": "#17502a", "n": "#1d4480", "b": "#0b4f5c"}  # 7:1 on a pale panel
_LIGHT: Final = {"k": "#d9bdff", "s": "#a8e6b0", "n": "#aecbff", "b": "#a0e4e4"}  # and on a dark one


def part(name: str) -> str:
    """The text of `deck.css` or `deck.js`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def code_colors(theme: Theme) -> Mapping[str, str]:
    """The colour of each kind of word in code, by its class."""
    channels = [int(theme.background[at : at + 2], 16) for at in (1, 3, 5)]
    return {**(_DARK if sum(channels) > 3 * 127 else _LIGHT), "c": theme.muted}


def lines(listing: Listing) -> Mapping[int, list[tuple[str, str]]]:
    """The lines of a listing by number, each as pairs of a class and the words that have it; broken code as it goes."""
    numbers = range(1, max(listing.lines, default=0) + 1)
    rows: list[list[tuple[str, str]]] = [[]]
    for kind, words in _tokens("\n".join(listing.lines.get(number, "").expandtabs(_TAB) for number in numbers)):
        name = next((name for start, name in _KINDS.items() if kind.startswith(start)), "")
        for index, piece in enumerate(words.split("\n")):
            if index:
                rows.append([])
            if piece:
                rows[-1].append((name, piece))
    return {number: row for number, row in zip(numbers, rows, strict=False) if number in listing.lines}


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    from pygments import lex  # here: pictures without code need none of it
    from pygments.lexers.python import PythonLexer

    for kind, words in lex(code, PythonLexer(stripnl=False, ensurenl=False)):
        yield str(kind).removeprefix("Token."), words
