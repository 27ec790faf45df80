"""SVG: a placed scene as one self-contained picture with real text, tooltips and words for screen readers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape as _escape_xml

from render import text
from render.formats import register
from render.layout.outline import corner_radius
from render.scene import Box, Edge, Label, Scene, Text

if TYPE_CHECKING:
    from render.drawing import Drawing

_FULL: Final = 0.85  # of a box's width; wider text is fitted, for fonts that run wider than Arial
_MAX_TOOLTIP: Final = 2_000  # characters


@register("svg", suffixes=(".svg",), mime="image/svg+xml", help_text="vector picture for pages, slides and editors")
def write(drawing: Drawing) -> str:
    """The picture as an SVG document, ids prefixed with a hash of its content so that pictures share a page."""
    return spell(drawing.scene)


def spell(scene: Scene) -> str:
    """A placed scene as SVG text."""
    rows = _body(scene, "\0")  # which `escape` leaves in no text
    content = hashlib.sha256()
    for row in rows:
        content.update(row.encode())
    prefix = f"g{content.hexdigest()[:8]}"
    for number, row in enumerate(rows):  # one by one: a large picture as a whole is held once only
        rows[number] = row.replace("\0", prefix)
    return "\n".join((_open(scene, prefix), *rows, "</svg>", ""))


def _body(scene: Scene, prefix: str) -> list[str]:
    groups = [box for box in scene.boxes if box.kind == "group"]
    others = [box for box in scene.boxes if box.kind != "group"]
    return [
        *_head(scene, prefix),
        *(_box(box, prefix) for box in groups),
        *(_edge(edge, prefix) for edge in reversed(scene.edges)),  # gradients lie under the ways of values
        *(_box(box, prefix) for box in others),
        *(_edge_label(edge) for edge in scene.edges),
        *(_edge(edge, prefix) for edge in scene.samples),
        *(_label(label) for label in scene.labels),
    ]


def _open(scene: Scene, prefix: str) -> str:
    width, height = _number(scene.width), _number(scene.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="{prefix}-title {prefix}-desc" font-family="{escape(scene.font)}" '
        f'style="max-width:100%;height:auto">'
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
        width, height = _number(scene.width), _number(scene.height)
        rows.append(f'<rect width="{width}" height="{height}" fill="{scene.background}"/>')
    return rows


def _marker(color: str, prefix: str) -> str:
    return (
        f'<marker id="{_marker_id(color, prefix)}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
    )


def _marker_id(color: str, prefix: str) -> str:
    return f"{prefix}-arrow-{color.lstrip('#')}"


# Boxes.


def _box(box: Box, prefix: str) -> str:
    parts = [f'<g id="{prefix}-{box.id}" class="{box.kind}">', _tooltip(box.tooltip), _outline(box, 0.0)]
    if box.double:
        parts.append(_outline(box, 4.0))
    parts += _title(box) if box.kind == "group" else _lines(box)
    return "".join((*parts, "</g>"))


def _outline(box: Box, inset: float) -> str:
    """The border; with an inset, the second one inside."""
    width, height = box.width - 2 * inset, box.height - 2 * inset
    radius = max(0.0, corner_radius(box) - inset)
    fill, line = ("none", 1.0) if inset else (box.fill, box.stroke_width)
    return (
        f'<rect x="{_number(box.x + inset)}" y="{_number(box.y + inset)}" width="{_number(width)}" '
        f'height="{_number(height)}"{_attribute("rx", radius)} fill="{fill}" stroke="{box.stroke}" '
        f'stroke-width="{_number(line)}"/>'
    )


def _lines(box: Box) -> list[str]:
    rows = text.baselines(box.lines, box.y, box.height)
    middle = box.x + box.width / 2
    return [_text(line, middle, y, "middle", box.width) for line, y in zip(box.lines, rows, strict=True)]


def _title(box: Box) -> list[str]:
    x = box.x + box.title + 12
    return [_text(line, x, box.y + 20 + 18 * row, "start", float("inf")) for row, line in enumerate(box.lines)]


# Text.


def _text(line: Sequence[Text], x: float, y: float, anchor: str, room: float) -> str:
    """One line of runs; fitted to its own width where it nearly fills its room."""
    if not line:
        return ""
    advance = text.line_width(line)
    fitted = f' textLength="{_number(advance)}" lengthAdjust="spacingAndGlyphs"' if advance > _FULL * room else ""
    first, *rest = line
    runs = _run(first) + "".join(f"<tspan{_font(run)}>{_run(run)}</tspan>" for run in rest)
    place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
    return f"<text {place}{_font(first)}{fitted}>{runs}</text>"


def _font(run: Text) -> str:
    weight = "600" if run.bold else "400"
    return f' font-size="{_number(run.size)}" fill="{run.color}" font-weight="{weight}"'


def _run(run: Text) -> str:
    words = escape(run.text)
    if run.text.startswith(" "):  # a plain space at the edge of a tspan is lost in some viewers
        words = "\u00a0" + words.lstrip(" ")
    if not run.subscript:
        return words
    size = _number(run.size * text.SUBSCRIPT_SCALE)
    drop = _number(run.size * 0.24)
    return f'{words}<tspan dy="{drop}" font-size="{size}">{escape(run.subscript)}</tspan>'


def _label(label: Label) -> str:
    return _text(label.runs, label.x, label.y, label.anchor, float("inf"))


# Edges.


def _edge(edge: Edge, prefix: str) -> str:
    if not edge.path:
        return ""
    dash = ' stroke-dasharray="5 4"' if edge.dashed else ""
    return (
        f'<path id="{prefix}-{edge.id}" class="{edge.kind}" d="{_path(edge)}" fill="none" stroke="{edge.color}" '
        f'stroke-width="{_number(edge.width)}"{dash} marker-end="url(#{_marker_id(edge.color, prefix)})">'
        f"{_tooltip(edge.tooltip)}</path>"
    )


def _path(edge: Edge) -> str:
    start, *rest = edge.path
    pieces = [rest[at : at + 3] for at in range(0, len(rest), 3)]
    return f"M{_points([start])} " + " ".join(f"C{_points(piece)}" for piece in pieces)


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _edge_label(edge: Edge) -> str:
    if edge.label is None:
        return ""
    x, y = edge.label_at
    return _text((edge.label,), x, y + 0.34 * edge.label.size, "middle", float("inf"))


# Spelling.


def escape(words: str) -> str:
    """Any text made safe between tags and in attributes; characters that XML forbids are gone."""
    return _escape_xml("\n".join(text.clean(line) for line in words.splitlines()), {'"': "&quot;", "'": "&#39;"})


def _tooltip(words: str) -> str:
    return f"<title>{escape(text.elide(words, _MAX_TOOLTIP))}</title>" if words else ""


def _attribute(name: str, number: float) -> str:
    return f' {name}="{_number(number)}"' if number else ""


def _number(number: float) -> str:
    """At most two decimals, the shortest way."""
    shown = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown
