"""DOT: the scene as text for Graphviz, with clusters for open modules and every label as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from render import text
from render.formats import register
from render.scene import Box, Edge, Scene

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped]

    from render.drawing import Drawing


@register("dot", suffixes=(".dot", ".gv"), mime="text/vnd.graphviz", help_text="text for Graphviz and its relatives")
def write(drawing: Drawing) -> str:
    """The picture as a DOT digraph; Graphviz decides where things go."""
    import graphviz

    scene = drawing.composed
    dot = graphviz.Digraph(
        name="graphtrace",
        graph_attr=_graph_attributes(scene, drawing.notes, drawing.error),
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


def _graph_attributes(scene: Scene, notes: Sequence[str], error: str | None) -> dict[str, str]:
    caption = [*((error,) if error else ()), *notes]
    return {
        "rankdir": scene.direction,
        "bgcolor": scene.background or "transparent",
        "fontname": "Arial",
        "fontsize": "13",
        "tooltip": plain(scene.description),
        **({"label": plain(*caption), "labelloc": "b", "labeljust": "l"} if caption else {}),
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
        found |= {"label": plain(edge.label.text), "fontcolor": edge.label.color}
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
