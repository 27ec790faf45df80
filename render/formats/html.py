"""HTML: a deck in one file, the code beside the graph that grows as it runs; or a page with the final picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from render import html, text
from render.formats import register
from render.formats.svg import Parts, spell
from render.frames import blend
from render.listing import Listing, Place, lines_of
from render.slide import TEXT, Area, Arrangement, staged
from render.steps import USUAL, Step, Storyboard, Telling
from render.theme import Theme

if TYPE_CHECKING:
    from render.drawing import Drawing

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_LARGEST: Final = 19.0  # pixels of code where there is room
_LETTER: Final = 0.6  # advance of a letter of code, in its size
_GUTTER: Final = 90.0  # of the panel of code, beside its lines
_KEYS: Final = {
    "→ · space · click": "next",
    "←": "previous",
    "Home · End": "ends",
    "n": "notes",
    "f": "full screen",
    "?": "help",
}


@register(
    "html",
    suffixes=(".html", ".htm"),
    mime="text/html",
    help_text="deck in one file: the graph grows as the code runs, then gradients flow back",
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    animate: bool = True,
    telling: Telling = USUAL,
) -> str:
    """The deck, or the final picture, as a page that asks the network for nothing.

    Args:
        drawing: What to write.
        animate: Tells it step by step, as it ran.
        telling: How it is told.
    """
    stages = [staged(part, telling) for part in drawing.parts]
    first = stages[0][0]
    if not animate:
        picture = str(drawing.render("svg", embed=False))
        return _page(first, f'<main style="padding:24px">{picture}</main>', "body{margin:0;background:var(--ground)}")
    pictures = [spell(board.scene, parts=Parts()) for board, _ in stages]
    facts = {
        "steps": [_step(step, part) for part, (board, _) in enumerate(stages) for step in board.steps],
        "prefixes": [picture.partition('aria-labelledby="')[2].partition("-")[0] for picture in pictures],
        "counted": _counted(first, sum(len(board.steps) for board, _ in stages)),
    }
    told = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    slides = (row for part, stage in enumerate(stages) for row in _slide(*stage, pictures[part], part))
    body = "\n".join((*slides, *_around([board for board, _ in stages])))
    script = f'<script type="application/json" id="steps">{told}</script>\n<script>{html.part("deck.js")}</script>'
    title = text.clean(drawing.graph.name) if len(stages) > 1 else ""
    sizes = "".join(_sizes(*stage, part) for part, stage in enumerate(stages))
    return _page(first, f"{body}\n{script}", html.part("deck.css") + sizes, title)


def _page(board: Storyboard, body: str, style: str, title: str = "") -> str:
    colors = "".join(f"--{name}:{value};" for name, value in _colors(board.drawing.options.theme).items())
    code = "".join(f".code .{name}{{color:{value}}}" for name, value in _code(board).items())
    return (
        f'<!doctype html>\n<html lang="{board.lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title or board.title)}</title>\n<style>:root{{{colors}}}{style}{code}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


# What a deck consists of.


def _slide(board: Storyboard, slide: Arrangement, picture: str, part: int) -> Iterator[str]:
    yield f'<main class="slide part{part} {slide.name} {board.motion}"{" hidden" if part else ""}>'
    yield f'<header><h1>{escape(board.title)}</h1><p class="step" aria-live="polite"><span></span><b></b></p></header>'
    if board.listings:
        yield f'<section class="code" aria-label="{escape(board.words("code"))}">'
        yield from (_listing(board, number, listing) for number, listing in enumerate(board.listings))
        yield "</section>"
    yield f'<section class="facts"></section>\n<figure class="figure">{picture}</figure>'
    yield '<div class="bar"><i></i></div>'
    words = ((-1, "‹", "previous"), (1, "›", "next"), ("?", "?", "help"))
    buttons = "".join(
        f'<button data-go="{go}" aria-label="{board.words(key)}">{sign}</button>' for go, sign, key in words
    )
    yield f"<nav>{buttons}</nav>\n</main>"


def _listing(board: Storyboard, number: int, listing: Listing) -> str:
    """The lines of a file; those that build nothing are dimmed."""
    builds = lines_of((place for step in board.steps for place in (step.running, step.about)), number)
    rows = []
    for line, words in html.lines(listing).items():
        spans = "".join(f'<span class="{name}">{_shown(each)}</span>' if name else _shown(each) for name, each in words)
        dim = "" if line in builds else ' class="dim"'
        rows.append(f'<li value="{line}"{dim}>{spans}</li>')
    on = ' class="on"' if number == 0 else ""
    return f'<ol{on} aria-label="{escape(text.clean(listing.name))}">{"".join(rows)}</ol>'


def _shown(words: str) -> str:
    """Words of code without what is no character of a line, its spaces kept."""
    return escape("".join(each if each == " " else text.clean(f"|{each}|")[1:-1] for each in words))


def _around(boards: Sequence[Storyboard]) -> Iterator[str]:
    board = boards[0]
    keys = "".join(f"<dt>{key}</dt><dd>{escape(board.words(does))}</dd>" for key, does in _KEYS.items())
    remarks = "".join(f"<p>{escape(text.clean(each))}</p>" for each in _remarks(boards))
    yield f'<aside id="notes" aria-label="{board.words("notes")}" hidden></aside>'
    yield f'<div id="help" role="dialog" aria-label="{board.words("help")}" hidden><dl>{keys}</dl>{remarks}</div>'
    yield '<div id="pages"></div>'
    yield f"<noscript>{escape(board.words('no script'))}</noscript>"


def _remarks(boards: Sequence[Storyboard]) -> Iterable[str]:
    return dict.fromkeys(remark for board in boards for remark in board.remarks)


def _counted(board: Storyboard, total: int) -> str:
    return board.words("step", number="{number}", total=total)


def _step(step: Step, part: int) -> dict[str, Any]:
    """A step as the script reads it."""
    return {
        "part": part,
        "kind": step.kind,
        "title": step.title,
        "shows": step.shows,
        "lit": step.lit,
        "running": _lines(step.running),
        "about": _lines(step.about),
        "facts": step.facts,
        "notes": step.notes,
        "updated": step.updated,
    }


def _lines(place: Place | None) -> tuple[int, int, int] | None:
    return None if place is None else (place.listing, place.first, place.last)


# How it looks.


def _colors(theme: Theme) -> dict[str, str]:
    """The colours of a theme, by what they are for in the style sheet."""
    panel, ground = theme.group.fill, theme.background
    return {
        "ground": ground,
        "text": theme.text,
        "muted": theme.muted,
        "accent": theme.tensors["output"].stroke,
        "panel": panel,
        "line": theme.group.stroke,
        "edge": theme.edge,
        "gradient": theme.gradient,
        "gradienttext": theme.gradient_text,
        "dim": blend(theme.muted, panel, 0.72),
        "now": blend(theme.tensors["output"].stroke, panel, 0.16),
        "warm": blend(theme.gradient, panel, 0.07),
        "hot": blend(theme.gradient, panel, 0.18),
        "changed": blend(theme.gradient, theme.tensors["parameter"].fill, 0.45),
        "font": theme.font.translate({ord(each): None for each in "<>{};"}),
    }


def _code(board: Storyboard) -> dict[str, str]:
    return dict(html.code_colors(board.drawing.options.theme))


def _sizes(board: Storyboard, slide: Arrangement, part: int) -> str:
    """Where the parts of the slide stand, and the size of code: as large as its longest line that builds lets it be."""
    areas = {"code": slide.code, "facts": slide.facts, "figure": slide.figure}
    places = "".join(f".part{part}>.{name}{{{_place(area)}}}" for name, area in areas.items())
    longest = max(map(len, _building(board)), default=1)
    size = min(_LARGEST, max(TEXT, (slide.code.width - _GUTTER) / (_LETTER * max(longest, 1))))
    return f"{places}.part{part}>.code{{--size:{round(size, 1):g}px}}"


def _place(area: Area) -> str:
    return f"left:{area.x:g}px;top:{area.y:g}px;width:{area.width:g}px;height:{area.height:g}px"


def _building(board: Storyboard) -> Iterable[str]:
    """The lines of code that build something."""
    for number, listing in enumerate(board.listings):
        builds = lines_of((place for step in board.steps for place in (step.running, step.about)), number)
        yield from (line for at, line in listing.lines.items() if at in builds)
