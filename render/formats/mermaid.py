"""Mermaid: the scene as a flowchart in text, which GitHub, GitLab and many note books draw where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from render import text
from render.formats import register
from render.scene import Box, Edge, Scene, Text

if TYPE_CHECKING:
    from render.drawing import Drawing

# What GitHub draws at most; nothing in a chart can raise it.
MAX_EDGES: Final = 500
MAX_TEXT: Final = 50_000
_GAP: Final = "#8194;"  # an en space
_ROOM_FOR_TITLES: Final = '%%{init: {"flowchart": {"subGraphTitleMargin": {"top": 2, "bottom": 16}}}}%%'
_HARMLESS: Final = frozenset(" _.,·×−+÷→…|=/")  # besides letters and digits; all else is spelled by its number


@register(
    "mermaid",
    suffixes=(".mmd", ".mermaid"),
    mime="text/vnd.mermaid",
    help_text="flowchart for GitHub and notes",
    worded=True,
)
def write(drawing: Drawing) -> str:
    """The picture as a flowchart; Mermaid decides where things go.

    Gradients are told in the boxes: Mermaid knows no arrow that leaves the order of boxes alone.
    """
    scene = drawing.composed
    styles = _Styles()
    boxes = list(_boxes(scene, styles))
    values = [edge for edge in scene.edges if edge.kind == "value"]
    title = drawing.options.title
    rows = [
        *(("---", f"title: {json.dumps(title, ensure_ascii=False)}", "---") if title else ()),
        _ROOM_FOR_TITLES,
        f"flowchart {scene.direction}",
        f"    accTitle: {_plain(scene.name)}",
        f"    accDescr: {_plain(scene.description)}",
        *boxes,
        *(f"    {edge.tail} {_arrow(edge)} {edge.head}" for edge in values),
        *styles.rows(),
        *_links(values),
    ]
    written = "\n".join((*rows, ""))
    if len(values) > MAX_EDGES or len(written) > MAX_TEXT:
        return f"{_too_large(values, written)}\n{written}"
    return written


def _too_large(edges: Sequence[Edge], written: str) -> str:
    return (
        f"%% {len(edges):,} arrows and {len(written):,} characters: GitHub draws at most {MAX_EDGES} and {MAX_TEXT:,}. "
        "Close modules with --depth or --level module."
    )


class _Styles:
    """Gives each way of painting a box a class of its own.

    Attributes:
        names: Of the classes, by what they say.
        groups: Each group and its class; Mermaid takes these only once the classes are known.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.groups: list[tuple[str, str]] = []

    def name(self, box: Box) -> str:
        """The class of a box."""
        color = next((run.color for line in box.lines for run in line), "#000000")
        dash = ",stroke-dasharray:5 4" if box.dashed else ""
        style = f"fill:{box.fill},stroke:{box.stroke},stroke-width:{box.stroke_width:g}px,color:{color}{dash}"
        return self.names.setdefault(style, f"style{len(self.names)}")

    def rows(self) -> Iterator[str]:
        """The definitions, and the classes of groups."""
        yield from (f"    classDef {name} {style}" for style, name in self.names.items())
        yield from (f"    class {group} {name}" for group, name in self.groups)


def _boxes(scene: Scene, styles: _Styles) -> Iterator[str]:
    """Boxes and, around those in open modules, subgraphs; written with an explicit stack, however deep they nest."""
    inside: dict[str | None, list[Box]] = {}
    for each in scene.boxes:
        inside.setdefault(each.group, []).append(each)
    stack: list[tuple[Box | None, int]] = [(each, 1) for each in reversed(inside.get(None, ()))]
    while stack:
        box, depth = stack.pop()
        indent = "    " * min(depth, 12)
        if box is None:
            yield f"{indent}end"
        elif box.kind == "group":
            yield f'{indent}subgraph {box.id}["{_label(box)}"]'
            styles.groups.append((box.id, styles.name(box)))
            stack += [(None, depth), *((each, depth + 1) for each in reversed(inside.get(box.id, ())))]
        else:
            left, right = _shape(box)
            yield f'{indent}{box.id}{left}"{_label(box)}"{right}:::{styles.name(box)}'


def _shape(box: Box) -> tuple[str, str]:
    if box.double or box.stacked:
        return "[[", "]]"
    shapes: Mapping[str, tuple[str, str]] = {"rect": ("[", "]"), "rounded": ("(", ")"), "pill": ("([", "])")}
    return shapes[box.outline]


def _arrow(edge: Edge) -> str:
    line = "-.->" if edge.dashed else "-->"
    return line if edge.label is None else f'{line}|"{escape(text.plain((edge.label,)))}"|'


def _links(edges: Sequence[Edge]) -> Iterator[str]:
    """The colour of the arrows, a row for each colour."""
    found: dict[str, list[str]] = {}
    for number, edge in enumerate(edges):
        found.setdefault(edge.color, []).append(str(number))
    return (f"    linkStyle {','.join(numbers)} stroke:{color}" for color, numbers in found.items())


def _label(box: Box) -> str:
    words = "<br/>".join("".join(map(_run, line)) for line in box.lines)
    small = box.outline == "pill" and len(box.lines) == 1 and len(text.plain(box.lines[0])) < 4
    return f"{_GAP}{words}{_GAP}" if small else words  # a narrow pill would be higher than it is wide


def _run(run: Text) -> str:
    words = escape(run.text) + (f"<sub>{escape(run.subscript)}</sub>{escape(run.after)}" if run.subscript else "")
    return f"<b>{words}</b>" if run.bold else words


def escape(words: str) -> str:
    """Any text as Mermaid shows it between quotes: characters that could mean something as `#number;`."""
    lead = "#160;" if words.startswith(" ") else ""
    return lead + "".join(
        character if character.isalnum() or character in _HARMLESS else f"#{ord(character)};"
        for character in text.clean(words).lstrip(" ")
    )


def _plain(words: str) -> str:
    """Any text for a line where Mermaid knows no `#number;`: what could mean something is left out."""
    kept = (character if character.isalnum() or character in _HARMLESS else " " for character in text.clean(words))
    return " ".join("".join(kept).split())
