r"""TikZ: the placed scene for LaTeX, a document by itself that other documents take in with \input."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from render import deck, text
from render.beamer import layered, specification
from render.formats import register
from render.layout.outline import corner_radius
from render.painting import Line, dashes, head, inner, layers, lines, number, pieces, rules
from render.scene import Box, Edge, Point, Scene, Text
from render.slide import WIDTH
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from render.deck import Deck, Decks
    from render.drawing import Drawing

_BIG_POINT: Final = 0.75  # of a pixel
_LARGEST: Final = 16_000.0  # big points; TeX counts no further than 16,383 of its own
_PREAMBLE: Final = r"""% A figure by graphtrace: pdflatex, lualatex or xelatex makes a page of it.
% In a document or a presentation with beamer, load the packages tikz and standalone, and write
%   \resizebox{\linewidth}{!}{\input{this file}}
\documentclass{standalone}
\usepackage[T1]{fontenc}
\usepackage{helvet}
\usepackage{tikz}"""
_BEAMER: Final = r"""% Slides by graphtrace: pdflatex, lualatex or xelatex makes a presentation in two runs.
% For speaker's notes beside them: \setbeameroption{show notes on second screen}
\documentclass[aspectratio=169]{beamer}
\usepackage{iftex}
\iftutex
  \usepackage{fontspec}
  \IfFontExistsTF{Arial}{\setsansfont{Arial}}{\IfFontExistsTF{Liberation Sans}{\setsansfont{Liberation Sans}}{}}
  \IfFontExistsTF{Courier New}{\setmonofont{Courier New}}{%
    \IfFontExistsTF{Liberation Mono}{\setmonofont{Liberation Mono}}{}}
\else
  \IfFileExists{t2aenc.def}{\usepackage[T2A,T1]{fontenc}}{\usepackage[T1]{fontenc}}
  \usepackage{helvet}
  % Courier is too thin to be read from afar.
  \IfFileExists{beramono.sty}{\usepackage{beramono}}{%
    \IfFileExists{t1lmtt.fd}{\renewcommand{\ttdefault}{lmtt}}{\usepackage{courier}}}
\fi
\usepackage{tikz}
\setbeamertemplate{navigation symbols}{}"""
_PAPER: Final = 160 / 25.4 * 72  # big points across a page of beamer, 16 × 9 cm
# A character that 8-bit fonts lack: itself where the engine knows Unicode and the font has it; a Russian letter where
# LaTeX has the encoding T2A (texlive-lang-cyrillic); else a question mark.
_CHARACTER: Final = r"""\providecommand\graphtracechar[1]{%
  \ifdefined\Umathchar\iffontchar\font#1 \char#1 \else?\fi\else\ifcsname T@T2A\endcsname\graphtracecyr{#1}\else?\fi\fi}
\providecommand\graphtracecyr[1]{{\fontencoding{T2A}\fontfamily{cmss}\selectfont
  \ifnum#1=1025 \char156 \else\ifnum#1=1105 \char188 \else\ifnum#1<1040 ?\else\ifnum#1>1103 ?\else
  \char\numexpr#1-848\relax\fi\fi\fi\fi}}"""
_ESCAPES: Final = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}",
    "<": r"\textless{}", ">": r"\textgreater{}", '"': r"\char34{}", "`": r"\textasciigrave{}", "…": r"\dots{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}  # fmt: skip
_SIGNS: Final = "×·÷±→←∞≤≥≠≈∂∇√ΣΠΔΓΘΛΦΨΩαβγδεζηθικλμνξπρστυφχψω∑∏"
_NAMES: Final = """
    times cdot div pm to leftarrow infty le ge ne approx partial nabla surd Sigma Pi Delta Gamma Theta
    Lambda Phi Psi Omega alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho
    sigma tau upsilon phi chi psi omega sum prod""".split()
_MATHS: Final = {"−": "-", "ᵀ": "^{\\top}", **{sign: f"\\{name}" for sign, name in zip(_SIGNS, _NAMES, strict=True)}}


@register(
    "tikz",
    suffixes=(".tex", ".tikz"),
    mime="text/x-tex",
    help_text="figure for LaTeX, or a frame of beamer that grows",
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    transparent: bool = False,
    animate: bool = False,
    telling: Telling = USUAL,
) -> str:
    """The picture as a standalone LaTeX document, or as a presentation with overlays; no TikZ library is needed.

    Args:
        drawing: What to write.
        transparent: Leaves the background out.
        animate: Tells it step by step, as it ran.
        telling: How it is told.
    """
    if animate:
        return _presentation(deck.told(drawing, telling), transparent)
    scene = replace(drawing.scene, background="") if transparent else drawing.scene
    writer = _Writer(min(_BIG_POINT, _LARGEST / max(scene.width, scene.height)))
    picture = writer.picture(scene, map(writer.spelled, layers(scene)), before=_defined([scene]))
    return "\n".join((_PREAMBLE, "\\begin{document}", *picture, "\\end{document}", ""))


def _presentation(shown: Deck | Decks, transparent: bool) -> str:
    """One frame with an overlay for each step; what is on several is written once."""
    scenes = [replace(slide.scene, background="") if transparent else slide.scene for slide in shown.slides]
    writer, last = _Writer(_PAPER / WIDTH), len(scenes)
    painted = [[writer.spelled(each) for each in layers(scene)] for scene in scenes]
    body = [
        f"\\only{on}{{{each}}}" if (on := specification(numbers, last)) else each for each, numbers in layered(painted)
    ]
    notes = [
        f"\\note<{number}>{{{' '.join(map(escape, slide.notes.splitlines()))}}}"
        for number, slide in enumerate(shown.slides, 1)
        if slide.notes.strip()
    ]
    rows = (
        *_defined(scenes),
        f"\\title{{{escape(shown.title)}}}",
        "\\begin{document}",
        f"\\begin{{frame}}<1-{last}>[plain]",
        *writer.picture(scenes[0], body, "remember picture,overlay,shift={(current page.north west)},"),
        *notes,
        "\\end{frame}",
        "\\end{document}",
        "",
    )
    return "\n".join((_BEAMER, *rows))


def _defined(scenes: Sequence[Scene]) -> list[str]:
    """The commands and colours that some scenes need."""
    colors = dict.fromkeys(color for each in scenes for color in _colors(each))
    return [_CHARACTER, *(f"\\definecolor{{{_color(color)}}}{{HTML}}{{{color[1:].upper()}}}" for color in colors)]


class _Writer:
    """Spells what is painted, with lengths in big points.

    Attributes:
        unit: Big points a pixel.
    """

    def __init__(self, unit: float) -> None:
        self.unit = unit

    def picture(self, scene: Scene, body: Iterable[str], more: str = "", before: Iterable[str] = ()) -> list[str]:
        """The environment around what is painted, with more options, and with what stands before it."""
        unit = f"{self.unit:.6g}bp"
        ground = f"\\fill[{_color(scene.background)}]" if scene.background else "\\path"
        return [
            f"\\begin{{tikzpicture}}[{more}x={unit},y=-{unit},inner sep=0pt,outer sep=0pt,font=\\sffamily]",
            f"% {text.elide(text.clean(scene.name), 100)}",
            *before,
            f"{ground} (0,0) rectangle {self.at((scene.width, scene.height))};",
            *body,
            "\\end{tikzpicture}",
        ]

    def spelled(self, each: Box | Edge | Line) -> str:
        """The commands that paint it."""
        if isinstance(each, Line):
            return self._text(each)
        return self._box(each) if isinstance(each, Box) else self._edge(each)

    def at(self, point: Point) -> str:
        """A place in the picture."""
        return f"({number(point[0])},{number(point[1])})"

    def _length(self, pixels: float) -> str:
        return f"{pixels * self.unit:.4g}bp"

    def _box(self, box: Box) -> str:
        rows = [self._outline(box, 0.0)]
        if box.double:
            rows.append(self._outline(box, inner(box)))
        for x in rules(box):
            style = f"draw={_color(box.stroke)},line width={self._length(box.stroke_width)}"
            rows.append(f"\\path[{style}] {self.at((x, box.y))} -- {self.at((x, box.y + box.height))};")
        return "\n".join((*rows, *map(self._text, lines(box))))

    def _outline(self, box: Box, inset: float) -> str:
        radius = max(0.0, corner_radius(box) - inset)
        style = [f"draw={_color(box.stroke)}", f"line width={self._length(box.scale if inset else box.stroke_width)}"]
        style += [] if inset else [f"fill={_color(box.fill)}"]
        style += [f"rounded corners={self._length(radius)}"] if radius else []
        style += [self._dash(box)] if box.dashed else []
        first, last = (box.x + inset, box.y + inset), (box.x + box.width - inset, box.y + box.height - inset)
        return f"\\path[{','.join(style)}] {self.at(first)} rectangle {self.at(last)};"

    def _edge(self, edge: Edge) -> str:
        style = [f"draw={_color(edge.color)}", f"line width={self._length(edge.width)}"]
        if edge.dashed:
            style.append(self._dash(edge))
        way = "".join(f" .. controls {self.at(a)} and {self.at(b)} .. {self.at(end)}" for a, b, end in pieces(edge))
        corners = " -- ".join(map(self.at, head(edge)))
        arrow = f"\\fill[{_color(edge.color)}] {corners} -- cycle;"
        return f"\\path[{','.join(style)}] {self.at(edge.path[0])}{way};\n{arrow}"

    def _dash(self, item: Box | Edge) -> str:
        line, gap = map(self._length, dashes(item))
        return f"dash pattern=on {line} off {gap}"

    def _text(self, line: Line) -> str:
        anchor = {"start": "base west", "middle": "base", "end": "base east"}[line.anchor]
        runs = "".join(map(self._run, line.runs))
        return f"\\node[anchor={anchor}] at {self.at((line.x, line.y))} {{{runs}}};"

    def _run(self, run: Text) -> str:
        small, drop = self._size(run.subscript_size), self._length(run.size * text.SUBSCRIPT_DROP)
        below = f"\\raisebox{{-{drop}}}{{{small}{escape(run.subscript)}}}" if run.subscript else ""
        weight = "\\ttfamily{}" if run.mono else "\\bfseries{}" if run.bold else ""
        own = "~".join(map(escape, run.text.split(" "))) if run.mono else escape(run.text)
        words = f"{own}{below}{escape(run.after)}"
        return f"{{{self._size(run.size)}{weight}\\color{{{_color(run.color)}}}{words}}}"

    def _size(self, size: float) -> str:
        return f"\\fontsize{{{self._length(size)}}}{{{self._length(1.2 * size)}}}\\selectfont{{}}"


def _color(color: str) -> str:
    return f"graphtrace{color[1:]}"


def _colors(scene: Scene) -> Iterable[str]:
    """Every colour in use, once, in the order of its first use."""
    found = [scene.background] if scene.background else []
    for each in layers(scene):
        if isinstance(each, Box):
            found += [each.fill, each.stroke, *(run.color for line in each.lines for run in line)]
        else:
            found += [run.color for run in each.runs] if isinstance(each, Line) else [each.color]
    return dict.fromkeys(found)


def escape(words: str) -> str:
    """Any text as LaTeX sets it, letter by letter: no command, no ligature of signs, nothing that 8-bit fonts lack."""
    cleaned = text.clean(words)
    lead = "~" * (len(words) - len(words.lstrip(" ")))
    apart = "\0".join(re.split(r"(?<=[-,'!?])(?=[-,'`])", cleaned.lstrip(" ")))
    return lead + "".join(map(_escaped, apart))


def _escaped(character: str) -> str:
    if character == "\0":
        return "{}"
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character in _MATHS:
        return f"\\ensuremath{{{_MATHS[character]}}}"
    if character.isascii() or (character.isalpha() and ord(character) < 0x100):
        return character
    return f"\\graphtracechar{{{ord(character)}}}"
