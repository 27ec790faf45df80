"""Arrows as connectors that hold on to their boxes at both ends; over a few small knots where the way needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from render import text
from render.painting import pieces
from render.pptx.boxes import Sites, tip
from render.pptx.routes import Span, spans
from render.pptx.spelling import emu, filled, moved, named, outline
from render.scene import Box, Edge, Point

_KNOT: Final = 2.0  # diameter of a knot, in widths of the line
_SIDES: Final = {"right": (2, 6), "left": (6, 2), "down": (0, 4), "up": (4, 0)}  # sites of an ellipse: in, out


def told(edge: Edge, boxes: Mapping[str, Box]) -> str:
    """An arrow in words, for those who cannot see it."""
    ends = " → ".join(_name(boxes[end]) for end in (edge.tail, edge.head))
    lead = "gradient " if edge.kind == "gradient" else ""
    words = f" ({edge.label.text})" if edge.label is not None else ""
    return edge.tooltip or f"{lead}{ends}{words}"


def _name(box: Box) -> str:
    return next((text.plain(line).strip() for line in box.lines if text.plain(line).strip()), box.kind)


class Wires:
    """The connectors of a scene: worked out once, spelled on every slide.

    Args:
        edges: Every edge of the whole picture.
    """

    def __init__(self, edges: tuple[Edge, ...]) -> None:
        self.whole = {edge.id: edge for edge in edges if edge.path}
        self.spans = {name: spans(edge) for name, edge in self.whole.items()}

    def parts(self, edge: Edge) -> list[str]:
        """The ids of all that an edge is drawn as: its last piece, which bears the arrow, has its own."""
        count = len(self.spans.get(edge.id, ()))
        knots = [f"{edge.id}k{number}" for number in range(1, count)]
        return [edge.id, *(f"{edge.id}p{number}" for number in range(1, count)), *knots]

    def shape(self, edge: Edge, numbers: Mapping[str, int], sites: Sites, words: str) -> str:
        """An edge: its pieces from tail to head with the knots between them, or one free curve."""
        found = self.spans[edge.id]
        if not found:
            return _free(edge, numbers[edge.id], words)
        whole = self.whole[edge.id]  # which may be thinner than what is lit, and so ends at another point
        ends = [(numbers[edge.tail], sites.at(edge.tail, whole.path[0]))]
        rows = []
        for count, span in enumerate(found, 1):
            last = count == len(found)
            knot, name = f"{edge.id}k{count}", edge.id if last else f"{edge.id}p{count}"
            enter, leave = _SIDES[span.way]
            end = (numbers[edge.head], sites.at(edge.head, tip(whole))) if last else (numbers[knot], enter)
            if not last:
                rows.append(_knot(edge, numbers[knot], f"!!{knot}", span.end, words))
            rows.append(_piece(edge, numbers[name], f"!!{name}", span, (ends[-1], end), words, arrow=last))
            if not last:
                leave = _SIDES[found[count].way][1]
            ends.append((end[0], leave))
        return "".join(rows)


def _piece(
    edge: Edge,
    number: int,
    name: str,
    span: Span,
    ends: tuple[tuple[int, int], tuple[int, int]],
    words: str,
    *,
    arrow: bool,
) -> str:
    """One connector between two sites, each the id of a shape and the number of the site."""
    (first, leave), (second, enter) = ends
    line = outline(edge.color, edge.width, dashed=edge.dashed, arrow=arrow)
    return (
        f"<p:cxnSp><p:nvCxnSpPr>{named(number, name, words)}"
        f'<p:cNvCxnSpPr><a:stCxn id="{first}" idx="{leave}"/><a:endCxn id="{second}" idx="{enter}"/></p:cNvCxnSpPr>'
        f"<p:nvPr/></p:nvCxnSpPr><p:spPr>{_course(span)}{line}</p:spPr></p:cxnSp>"
    )


def _course(span: Span) -> str:
    """Where a connector runs. Those that leave downwards are turned by a quarter, as PowerPoint has it."""
    (left, top), (right, bottom) = span.start, span.end
    width, height = abs(right - left), abs(bottom - top)
    x, y = min(left, right), min(top, bottom)
    if span.axis is None:
        flips = _flips(right < left, bottom < top)
        return (
            f'{moved(x, y, width, height, turned=flips)}<a:prstGeom prst="straightConnector1"><a:avLst/></a:prstGeom>'
        )
    guide = f'<a:gd name="adj1" fmla="val {round(100_000 * span.bend)}"/>'
    kind = f'<a:prstGeom prst="curvedConnector3"><a:avLst>{guide}</a:avLst></a:prstGeom>'
    if span.axis == "across":
        return moved(x, y, width, height, turned=_flips(right < left, bottom < top)) + kind
    middle = (x + width / 2, y + height / 2)
    turned = f' rot="5400000"{_flips(bottom < top, right > left)}'
    return moved(middle[0] - height / 2, middle[1] - width / 2, height, width, turned=turned) + kind


def _flips(across: bool, down: bool) -> str:
    return (' flipH="1"' if across else "") + (' flipV="1"' if down else "")


def _knot(edge: Edge, number: int, name: str, point: Point, words: str) -> str:
    """A dot in the line that pieces on both sides hold on to."""
    size = _KNOT * edge.width / 2
    x, y = point
    return (
        f"<p:sp><p:nvSpPr>{named(number, name, words)}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f'<p:spPr>{moved(x - size / 2, y - size / 2, size, size)}<a:prstGeom prst="ellipse"><a:avLst/></a:prstGeom>'
        f"{filled(edge.color)}{outline('', 0)}</p:spPr></p:sp>"
    )


def _free(edge: Edge, number: int, words: str) -> str:
    """A way that no connector can follow, as a curve by itself."""
    every = (*edge.path[:-1], tip(edge))
    left, top = min(x for x, _ in every), min(y for _, y in every)
    width, height = max(x for x, _ in every) - left, max(y for _, y in every) - top
    size = f'w="{emu(width)}" h="{emu(height)}"'

    def at(point: Point) -> str:
        return f'<a:pt x="{emu(point[0] - left)}" y="{emu(point[1] - top)}"/>'

    rest = [*pieces(edge)]
    rest[-1] = (*rest[-1][:2], tip(edge))
    curve = "".join(f"<a:cubicBezTo>{at(a)}{at(b)}{at(c)}</a:cubicBezTo>" for a, b, c in rest)
    path = f'<a:path {size} fill="none"><a:moveTo>{at(every[0])}</a:moveTo>{curve}</a:path>'
    line = outline(edge.color, edge.width, dashed=edge.dashed, arrow=True)
    return (
        f"<p:sp><p:nvSpPr>{named(number, f'!!{edge.id}', words)}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f"<p:spPr>{moved(left, top, width, height)}"
        f'<a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/><a:rect l="0" t="0" r="r" b="b"/>'
        f"<a:pathLst>{path}</a:pathLst></a:custGeom><a:noFill/>{line}</p:spPr></p:sp>"
    )
