"""SVG: a placed scene as one self-contained picture with real text, tooltips and words for screen readers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from render import text
from render.animation import Animation, captioned, checked_pace
from render.embedding import metadata, titled
from render.formats import register
from render.layout.outline import corner_radius
from render.page import INCH
from render.painting import HEAD, Line, below, dashes, inner, layers, lines, number, pieces, rules
from render.scene import Box, Edge, Label, Point, Scene, Text
from render.statements import Statements
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing

_FULL: Final = 0.85  # of a box's width; wider text is fitted, for fonts that run wider than Arial
_MONO: Final = "Cousine, 'Courier New', 'Liberation Mono', monospace"  # of code
_MAX_TOOLTIP: Final = 2_000  # characters
# As xml.sax.saxutils would have it, which takes longer to import than a picture to draw.
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
HALO: Final = 4.5  # from a box to the border that stresses it
_CHUNK: Final = 1_000  # rows that are put together at a time
_MAX_ROWS: Final = 100  # operations that are told one by one; nobody listens to more


@register("svg", suffixes=(".svg",), mime="image/svg+xml", help_text="vector picture for pages, slides and editors")
def write(
    drawing: Drawing,
    *,
    embed: bool = True,
    transparent: bool = False,
    animate: bool = False,
    loop: bool = False,
    pace: float = 1.6,
    telling: Telling = USUAL,
) -> str:
    """The picture as an SVG document, ids prefixed with a hash of its content so that pictures share a page.

    Args:
        drawing: What to write.
        embed: Carries the graph, so that the picture can be drawn again from itself.
        transparent: Leaves the background out.
        animate: Tells it step by step, as it ran.
        loop: Begins again after the last step.
        pace: Seconds a step takes.
        telling: How it is told.
    """
    carried = metadata(titled(drawing)) if embed else ""
    if not animate:
        scene = replace(drawing.scene, background="") if transparent else drawing.scene
        return spell(scene, told=_told(drawing), carried=carried, inches=drawing.page is not None)
    board = drawing.storyboard(**asdict(telling))
    scene, captions = captioned(board)
    parts = Parts(Animation(board, checked_pace(pace), loop).style(), captions)
    scene = replace(scene, background="") if transparent else scene
    return spell(scene, told=_told(board.drawing), carried=carried, parts=parts)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a picture has besides where its parts come and go.

    Attributes:
        style: A style sheet, with a NUL in place of the prefix of ids.
        captions: Lines of text by id.
    """

    style: str = ""
    captions: Mapping[str, Label] = field(default_factory=dict)


def _told(drawing: Drawing) -> str:
    """What comes in and what each operation did, a line each, for those who cannot see it."""
    say = Statements(drawing)
    rows = [say.value(value, lead=value.kind) for value in islice(say.outside(), _MAX_ROWS)]
    rows += [say.operation(node) for node in say.graph.nodes[:_MAX_ROWS]]
    left = len(say.graph.nodes) - _MAX_ROWS
    return "\n".join([*rows, *([f"and {text.count(left)} more operations"] if left > 0 else [])])


def spell(scene: Scene, *, told: str = "", carried: str = "", parts: Parts | None = None, inches: bool = False) -> str:
    """A placed scene as SVG text.

    Args:
        scene: As layout placed it.
        told: Lines to follow its description.
        carried: A `metadata` element.
        parts: Gives every part an id and every box a halo, which is not seen, for a style sheet or a script.
        inches: Whether its size is given in inches: for a page that is to be printed just as large.
    """
    scene = replace(scene, description="\n".join(words for words in (scene.description, told) if words))
    rows = _body(scene, "\0", parts)  # which `escape` leaves in no text
    content = hashlib.sha256()
    for row in rows:
        content.update(row.encode())
    prefix = f"g{content.hexdigest()[:8]}"
    chunks: list[str] = []
    while rows:  # piece by piece from the end: a large picture as a whole is held once only
        chunks.append("\n".join(rows[-_CHUNK:]).replace("\0", prefix))
        del rows[-_CHUNK:]
    end = (carried, "</svg>", "") if carried else ("</svg>", "")
    return "\n".join((_open(scene, prefix, inches), *reversed(chunks), *end))


def _body(scene: Scene, prefix: str, parts: Parts | None) -> list[str]:
    rows = [*_head(scene, prefix), *(_layer(each, prefix, parts is not None) for each in layers(scene))]
    if parts is not None:
        rows[2:2] = [f"<style>{parts.style}</style>"] if parts.style else []
        last = list(parts.captions)[-1:]
        for name, label in parts.captions.items():  # of several in one place, only the last is seen without motion
            hidden = "" if name in last else ' opacity="0"'
            rows.append(f'<g id="{prefix}-{name}"{hidden}>{_text(below(label))}</g>')
    return rows


def _layer(each: Box | Edge | Line, prefix: str, parts: bool) -> str:
    if isinstance(each, Line):
        return _line(each, prefix, parts)
    return _box(each, prefix, parts) if isinstance(each, Box) else _edge(each, prefix)


def _line(line: Line, prefix: str, parts: bool) -> str:
    """A line of text, as an element of its own where it comes and goes by itself."""
    return f'<g id="{prefix}-{line.element}">{_text(line)}</g>' if parts and line.element else _text(line)


def _open(scene: Scene, prefix: str, inches: bool) -> str:
    width, height = number(scene.width), number(scene.height)
    wide, high = (f"{round(side / INCH, 4):g}in" if inches else number(side) for side in (scene.width, scene.height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{wide}" height="{high}" '
        f'role="img" aria-labelledby="{prefix}-title" aria-describedby="{prefix}-desc" '
        f'font-family="{escape(scene.font)}" style="max-width:100%;height:auto">'
    )


def _head(scene: Scene, prefix: str) -> list[str]:
    colors = dict.fromkeys(edge.color for edge in (*scene.edges, *scene.samples))
    rows = [
        f'<title id="{prefix}-title">{escape(scene.name)}</title>',
        f'<desc id="{prefix}-desc">{escape(scene.description)}</desc>',
    ]
    if colors:
        rows.append("<defs>" + "".join(_marker(color, prefix) for color in colors) + "</defs>")
    if scene.background:
        width, height = number(scene.width), number(scene.height)
        rows.append(f'<rect width="{width}" height="{height}" fill="{scene.background}"/>')
    return rows


def _marker(color: str, prefix: str) -> str:
    size = number(HEAD)
    return (
        f'<marker id="{_marker_id(color, prefix)}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="{size}" '
        f'markerHeight="{size}" orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
    )


def _marker_id(color: str, prefix: str) -> str:
    return f"{prefix}-arrow-{color.lstrip('#')}"


# Boxes.


def _box(box: Box, prefix: str, parts: bool) -> str:
    outlines = [_outline(box, 0.0).replace("<rect", '<rect class="body"', 1) if parts else _outline(box, 0.0)]
    if box.double:
        outlines.append(_outline(box, inner(box)))
    if box.across:
        outlines.append(_rules(box))
    if parts:
        outlines.append(_halo(box))
    rows = (_line(line, prefix, parts) for line in lines(box))
    return "".join((f'<g id="{prefix}-{box.id}" class="{box.kind}">', _tooltip(box.tooltip), *outlines, *rows, "</g>"))


def _halo(box: Box) -> str:
    """A border around a box, to be seen while a step is about it."""
    radius = corner_radius(box) + HALO
    return (
        f'<rect class="halo" x="{number(box.x - HALO)}" y="{number(box.y - HALO)}" '
        f'width="{number(box.width + 2 * HALO)}" height="{number(box.height + 2 * HALO)}"{_attribute("rx", radius)} '
        'fill="none" stroke-width="3" opacity="0"/>'
    )


def _rules(box: Box) -> str:
    way = "".join(f"M{number(x)} {number(box.y)}V{number(box.y + box.height)}" for x in rules(box))
    return f'<path d="{way}" fill="none" stroke="{box.stroke}" stroke-width="{number(box.stroke_width)}"/>'


def _outline(box: Box, inset: float) -> str:
    """The border; with an inset, the second one inside."""
    width, height = box.width - 2 * inset, box.height - 2 * inset
    radius = max(0.0, corner_radius(box) - inset)
    fill, line = ("none", box.scale) if inset else (box.fill, box.stroke_width)
    return (
        f'<rect x="{number(box.x + inset)}" y="{number(box.y + inset)}" width="{number(width)}" '
        f'height="{number(height)}"{_attribute("rx", radius)} fill="{fill}" stroke="{box.stroke}" '
        f'stroke-width="{number(line)}"{_dash(box)}/>'
    )


# Text.


def _text(line: Line) -> str:
    """One line of runs; fitted to its own width where it nearly fills its room."""
    first, *rest = line.runs
    runs = _run(first) + "".join(f"<tspan{_font(run)}>{_run(run)}</tspan>" for run in rest)
    parts = len(line.runs) > 1 or bool(first.subscript)
    # LibreOffice centres each part of a line by itself, and resvg fits each by itself: they would overlap.
    x, anchor = (line.left, "start") if parts else (line.x, line.anchor)
    advance = text.line_width(line.runs)
    full = advance > _FULL * line.room and not parts
    fitted = f' textLength="{number(advance)}" lengthAdjust="spacingAndGlyphs"' if full else ""
    place = f'x="{number(x)}" y="{number(line.y)}" text-anchor="{anchor}"'
    return f"<text {place}{_font(first)}{fitted}>{runs}</text>"


def _font(run: Text) -> str:
    weight = "600" if run.bold else "400"
    face = f' font-family="{_MONO}"' if run.mono else ""
    return f' font-size="{number(run.size)}" fill="{run.color}" font-weight="{weight}"{face}'


def _run(run: Text) -> str:
    words = _kept(run.text) if run.mono else _lead(run.text)
    if not run.subscript:
        return words
    size, drop = number(run.subscript_size), number(run.size * text.SUBSCRIPT_DROP)
    after = f'<tspan dy="-{drop}">{_lead(run.after)}</tspan>' if run.after else ""
    return f'{words}<tspan dy="{drop}" font-size="{size}">{escape(run.subscript)}</tspan>{after}'


def _lead(words: str) -> str:
    """Words escaped; a plain space at the edge of a tspan is lost in some viewers."""
    return "\u00a0" + escape(words).lstrip(" ") if words.startswith(" ") else escape(words)


def _kept(words: str) -> str:
    """Words with all their spaces, those at the ends included."""
    inner = words.strip(" ")
    lead = len(words) - len(words.lstrip(" "))
    return ("\u00a0" * lead + escape(inner) + " " * (len(words) - lead - len(inner))).replace(" ", "\u00a0")


# Edges.


def _edge(edge: Edge, prefix: str) -> str:
    return (
        f'<path id="{prefix}-{edge.id}" class="{edge.kind}" d="{_path(edge)}" fill="none" stroke="{edge.color}" '
        f'stroke-width="{number(edge.width)}"{_dash(edge)} marker-end="url(#{_marker_id(edge.color, prefix)})">'
        f"{_tooltip(edge.tooltip)}</path>"
    )


def _path(edge: Edge) -> str:
    return f"M{_points(edge.path[:1])} " + " ".join(f"C{_points(piece)}" for piece in pieces(edge))


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{number(x)} {number(y)}" for x, y in points)


# Spelling.


def escape(words: str) -> str:
    """Any text made safe between tags and in attributes; characters that XML forbids are gone."""
    return "\n".join(text.clean(line) for line in words.splitlines()).translate(_ENTITIES)


def _tooltip(words: str) -> str:
    return f"<title>{escape(text.elide(words, _MAX_TOOLTIP))}</title>" if words else ""


def _dash(item: Box | Edge) -> str:
    return f' stroke-dasharray="{" ".join(map(number, dashes(item)))}"' if item.dashed else ""


def _attribute(name: str, value: float) -> str:
    return f' {name}="{number(value)}"' if value else ""
