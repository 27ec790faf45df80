"""PDF: the placed scene as one page of vectors, or a page for each step, with real text in embedded fonts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from render import deck, text
from render.formats import register
from render.layout.outline import corner_radius
from render.painting import Line, dashes, head, inner, layers, lines, pieces, rules
from render.scene import Box, Edge, Scene, Text
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

    from render.drawing import Drawing

_POINT: Final = 0.75  # of a pixel
_LARGEST: Final = 14_400.0  # points, the side of the largest page that readers show (PDF 32000-1, annex C)
_FONTS: Final = Path(__file__).parent.parent / "fonts"
_FACES: Final = {False: "Arimo-Regular", True: "Arimo-Bold"}  # the font that text is measured in
_CODE: Final = "Cousine-Regular"
# What Arimo lacks is left to the fonts that every reader has for the scripts of East Asia; these are not embedded.
_HANGUL, _HAN = "HYGothic-Medium", "HeiseiKakuGo-W5"


@register(
    "pdf",
    suffixes=(".pdf",),
    mime="application/pdf",
    help_text="vector page for papers, or a page a step",
    binary=True,
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    transparent: bool = False,
    animate: bool = False,
    telling: Telling = USUAL,
) -> bytes:
    """The picture as a page of its own size, 200 inches at most; or a deck with a page of 13.33 × 7.5 in for each step.

    Args:
        drawing: What to write.
        transparent: Leaves the background out.
        animate: Tells it step by step, as it ran.
        telling: How it is told.
    """
    from reportlab.pdfgen.canvas import Canvas

    out = BytesIO()
    canvas = Canvas(out, invariant=1, pageCompression=1, initialFontName=_face(_FACES[False]), lang=telling.lang)
    if animate:
        shown = deck.told(drawing, telling)
        _tell(canvas, shown.title, shown.about)
        for slide in shown.slides:
            _mark(canvas, slide.name)
            _add(canvas, slide.scene, transparent)
    else:
        _tell(canvas, drawing.scene.name, drawing.scene.description)
        _add(canvas, drawing.scene, transparent)
    canvas.save()
    return out.getvalue()


def _tell(canvas: Canvas, title: str, about: str) -> None:
    """What readers show of the document."""
    canvas.setTitle(title)
    canvas.setSubject(about)
    canvas.setAuthor("")
    canvas.setCreator("graphtrace")
    canvas.setViewerPreference("DisplayDocTitle", "true")


def _mark(canvas: Canvas, words: str) -> None:
    """An entry in the outline that leads to the page that is begun."""
    key = f"page{canvas.getPageNumber()}"
    canvas.bookmarkPage(key)
    canvas.addOutlineEntry(words, key)


def _add(canvas: Canvas, scene: Scene, transparent: bool) -> None:
    """A page of the size of a scene."""
    unit = min(_POINT, _LARGEST / max(scene.width, scene.height))
    canvas.setPageSize((scene.width * unit, scene.height * unit))
    canvas.scale(unit, unit)
    _Page(canvas, scene.height).paint(scene, transparent)
    canvas.showPage()


class _Page:
    """Paints a scene, whose y grows downwards, on a canvas, whose y grows upwards."""

    def __init__(self, canvas: Canvas, height: float) -> None:
        self.canvas = canvas
        self.height = height

    def paint(self, scene: Scene, transparent: bool) -> None:
        """Everything, from the lowest to the uppermost."""
        if scene.background and not transparent:
            self.canvas.setFillColorRGB(*_color(scene.background))
            self.canvas.rect(0, 0, scene.width, scene.height, stroke=0, fill=1)
        for each in layers(scene):
            if isinstance(each, Line):
                self._text(each)
            elif isinstance(each, Box):
                self._box(each)
            else:
                self._edge(each)

    def _box(self, box: Box) -> None:
        self.canvas.setFillColorRGB(*_color(box.fill))
        self._outline(box, 0.0, box.stroke_width)
        if box.double:
            self._outline(box, inner(box), box.scale)
        for x in rules(box):
            self.canvas.line(x, self.height - box.y, x, self.height - box.y - box.height)
        for line in lines(box):
            self._text(line)

    def _outline(self, box: Box, inset: float, width: float) -> None:
        self.canvas.setStrokeColorRGB(*_color(box.stroke))
        self.canvas.setLineWidth(width)
        self._dash(box)
        left, bottom = box.x + inset, self.height - box.y - box.height + inset
        sides = (box.width - 2 * inset, box.height - 2 * inset)
        radius = max(0.0, corner_radius(box) - inset)
        if radius:
            self.canvas.roundRect(left, bottom, *sides, radius, stroke=1, fill=not inset)
        else:
            self.canvas.rect(left, bottom, *sides, stroke=1, fill=not inset)

    def _edge(self, edge: Edge) -> None:
        self.canvas.setStrokeColorRGB(*_color(edge.color))
        self.canvas.setFillColorRGB(*_color(edge.color))
        self.canvas.setLineWidth(edge.width)
        self._dash(edge)
        path = self.canvas.beginPath()
        path.moveTo(edge.path[0][0], self.height - edge.path[0][1])
        for piece in pieces(edge):
            path.curveTo(*(number for x, y in piece for number in (x, self.height - y)))
        self.canvas.drawPath(path, stroke=1, fill=0)
        path = self.canvas.beginPath()
        (x, y), *corners = head(edge)
        path.moveTo(x, self.height - y)
        for x, y in corners:
            path.lineTo(x, self.height - y)
        path.close()
        self.canvas.drawPath(path, stroke=0, fill=1)

    def _dash(self, item: Box | Edge) -> None:
        self.canvas.setDash(list(dashes(item)) if item.dashed else [])

    def _text(self, line: Line) -> None:
        x, y = line.left, self.height - line.y
        for run in line.runs:
            small = run.subscript_size
            self.canvas.setFillColorRGB(*_color(run.color))
            x = self._words(run.text, x, y, run.size, run)
            x = self._words(run.subscript, x, y - run.size * text.SUBSCRIPT_DROP, small, run)
            x = self._words(run.after, x, y, run.size, run)

    def _words(self, words: str, x: float, y: float, size: float, run: Text) -> float:
        """Sets words in the face of a run from `x` on, and gives where they end."""
        for font, part in _by_font(words, _CODE if run.mono else _FACES[run.bold]):
            self.canvas.setFont(font, size)
            self.canvas.drawString(x, y, part)
            x += text.width(part, size, bold=run.bold, mono=run.mono)
        return x


def _color(color: str) -> tuple[float, ...]:
    """`#rrggbb` as red, green and blue from 0 to 1."""
    return tuple(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))


def _by_font(words: str, face: str) -> Iterator[tuple[str, str]]:
    """The words in parts, each with the name of the font that has its characters."""
    for font, part in groupby(words, lambda character: _font_of(character, face)):
        yield font, "".join(part)


@lru_cache(maxsize=4096)
def _font_of(character: str, face: str) -> str:
    from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]

    for own in (face, _FACES[False]):
        if ord(character) in pdfmetrics.getFont(_face(own)).face.charToGlyph:
            return own
    if text.width(character, 1.0) != 1.0:
        return face  # of what is not as wide as it is high nothing has a glyph: our box stands for it
    return _east_asian(_HANGUL if "\uac00" <= character <= "\ud7a3" else _HAN)


@lru_cache(maxsize=3)
def _face(name: str) -> str:
    """The name of a face, once it is registered."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]

    pdfmetrics.registerFont(TTFont(name, str(_FONTS / f"{name}.ttf")))
    return name


@lru_cache(maxsize=2)
def _east_asian(name: str) -> str:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # type: ignore[import-untyped]

    pdfmetrics.registerFont(UnicodeCIDFont(name))
    return name
