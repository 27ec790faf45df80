"""DOT: the scene as text for Graphviz, with clusters for open modules and every label as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from render import text
from render.formats import register
from render.scene import Box, Edge, Scene

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped]

    from render.drawing import Drawing

_WIDE: Final = 520.0  # of a line of words, in pixels


@register(
    "dot",
    suffixes=(".dot", ".gv"),
    mime="text/vnd.graphviz",
    help_text="text for Graphviz and its relatives",
    worded=True,
)
def write(drawing: Drawing) -> str:
    """The picture as a DOT digraph; Graphviz decides where things go."""
    import graphviz

    scene = drawing.composed
    dot = graphviz.Digraph(
        name="graphtrace",
        graph_attr=_graph_attributes(scene, _words(drawing), titled=bool(drawing.options.title)),
        node_attr={"style": "filled", "fontname": "Arial", "fontsize": "13", "margin": "0.12,0.06"},
        edge_attr={"fontname": "Arial", "fontsize": "12", "arrowsize": "0.7"},
    )
    inside: dict[str | None, list[Box]] = {}
    for box in scene.boxes:
        inside.setdefault(box.group, []).append(box)
    _add_boxes(dot, inside)
    for edge in scene.edges:
        dot.edge(edge.tail, edge.head, **_edge_attributes(edge))
    return str(dot.source)


def _words(drawing: Drawing) -> list[str]:
    """Title, caption, error, legend of sizes and notes, a line each: Graphviz has room for one text beside a graph."""
    said = (drawing.options.title, drawing.options.caption, drawing.error or "")
    lines = [line.text for words in said if words for line in text.wrap(text.run(words, 13, ""), _WIDE)]
    heat = "" if drawing.heat is None else drawing.heat.told
    return [*lines, *filter(None, [" · ".join(drawing.dims.legend()), heat]), *drawing.notes]


def _graph_attributes(scene: Scene, words: Sequence[str], *, titled: bool) -> dict[str, str]:
    return {
        "rankdir": scene.direction,
        "bgcolor": scene.background or "transparent",
        "fontname": "Arial",
        "fontsize": "13",
        "tooltip": plain(scene.description),
        **({"label": plain(*words), "labelloc": "t" if titled else "b", "labeljust": "l"} if words else {}),
    }


def _add_boxes(dot: graphviz.Digraph, inside: Mapping[str | None, Sequence[Box]]) -> None:
    """Boxes and, around those in open modules, clusters; written with an explicit stack, however deep they nest."""
    stack: list[Box | None] = list(reversed(inside.get(None, ())))
    while stack:
        box = stack.pop()
        if box is None:
            dot.body.append("\t}\n")
        elif box.kind == "group":
            dot.body.append(f"\tsubgraph cluster_{box.id} {{\n")
            dot.attr("graph", **_cluster_attributes(box))
            stack += [None, *reversed(inside.get(box.id, ()))]
        else:
            dot.node(box.id, **_box_attributes(box))


def _cluster_attributes(box: Box) -> dict[str, str]:
    return {
        "label": _label(box),
        "style": "rounded,filled",
        "fillcolor": box.fill,
        "color": box.stroke,
        "fontcolor": _color(box),
        "labelloc": "t",
        "labeljust": "l",
        "tooltip": plain(*box.tooltip.splitlines()),
    }


def _box_attributes(box: Box) -> dict[str, str]:
    found = {
        "label": _label(box),
        "shape": "box" if box.outline != "pill" or (box.kind == "operation" and len(box.lines) > 1) else "oval",
        "style": "filled" if box.outline == "rect" else "rounded,filled" if len(box.lines) > 1 else "filled",
        "fillcolor": box.fill,
        "color": box.stroke,
        "fontcolor": _color(box),
        "penwidth": f"{box.stroke_width:g}",
        "tooltip": plain(*box.tooltip.splitlines()),
    }
    if box.dashed:
        found["style"] += ",dashed"
    if box.double:
        found["peripheries"] = "2"
    if box.stacked:
        found["shape"] = "box3d"
    return found


def _edge_attributes(edge: Edge) -> dict[str, str]:
    found = {"color": edge.color, "penwidth": f"{edge.width:g}", "tooltip": plain(*edge.tooltip.splitlines())}
    if edge.dashed:
        found["style"] = "dashed"
    if edge.kind == "gradient":
        found["constraint"] = "false"
    if edge.label is not None:
        found |= {"label": plain(text.plain((edge.label,))), "fontcolor": edge.label.color}
    return found


def _label(box: Box) -> str:
    return plain(*map(text.plain, box.lines))


def _color(box: Box) -> str:
    return next((run.color for line in box.lines for run in line), "#000000")


def plain(*lines: str) -> str:
    """Lines as one DOT string that Graphviz shows as they stand: never HTML, no escapes, no control characters."""
    import graphviz

    # graphviz.escape doubles backslashes; nohtml keeps the result from being read as markup where it looks like <b>.
    return cast("str", graphviz.nohtml("\\n".join(graphviz.escape(text.clean(line)) for line in lines)))
