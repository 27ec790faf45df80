"""Boxes as shapes: rectangles that keep their corners round, with a site for each arrow that touches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from render import text
from render.layout.outline import corner_radius, sheets
from render.painting import head, inner, rules
from render.painting import lines as placed_lines
from render.pptx.spelling import emu, filled, moved, named, outline
from render.pptx.words import Setting, body, label
from render.scene import Box, Edge, Point, Scene

_ASCENT: Final = 0.905  # of Arial: from the upper end of a line to its base, in sizes of the text
_NEAR: Final = 0.5  # pixels within which an arrow ends at a site
_RIGHT: Final = 0  # angles in 60,000ths of a degree, clockwise
_DOWN: Final = 5_400_000
_LEFT: Final = 10_800_000
_UP: Final = 16_200_000


@dataclass(frozen=True)
class Sites:
    """Where arrows may hold on to each box: the middles of its sides, as on every rectangle, then where they land.

    Attributes:
        scene: The whole picture; what a slide shows of it does not matter.
    """

    scene: Scene
    found: dict[str, list[Point]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for box in (*self.scene.boxes, *self.scene.swatches):
            self.found[box.id] = list(middles(box))
        for edge in (each for each in self.scene.edges if each.path):
            for name, point in ((edge.tail, edge.path[0]), (edge.head, tip(edge))):
                if self._index(name, point) is None:
                    self.found[name].append(point)

    def at(self, box: str, point: Point) -> int:
        """The number of the site of a box at a point where an arrow ends."""
        found = self._index(box, point)
        assert found is not None, "every end of an arrow has a site"
        return found

    def _index(self, box: str, point: Point) -> int | None:
        near = (max(abs(x - point[0]), abs(y - point[1])) <= _NEAR for x, y in self.found[box])
        return next((number for number, it in enumerate(near) if it), None)


def tip(edge: Edge) -> Point:
    """Where the point of an arrow's head stands."""
    return head(edge)[0]


def middles(box: Box) -> tuple[Point, Point, Point, Point]:
    """The sites of every rectangle, in PowerPoint's order: top, left, bottom, right."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return (x, box.y), (box.x, y), (x, box.y + box.height), (box.x + box.width, y)


def told(box: Box) -> str:
    """A box in words, for those who cannot see it."""
    return box.tooltip or " · ".join(text.plain(line).strip() for line in box.lines if line) or box.kind


def shape(box: Box, numbers: Mapping[str, int], sites: Sites, lang: str) -> str:
    """A box with its text; with its cells as a group, where lines stand side by side."""
    if box.across:
        return _record(box, numbers, sites, lang)
    setting = _title(box, lang) if box.kind == "group" else Setting(lang)
    *behind, front = sheets(box)  # of what stands for several that are alike
    rows = [_sheet(each, numbers[name], f"!!{name}") for each, name in zip(behind, parts(box)[1:], strict=True)]
    return "".join((*rows, _outlined(front, numbers[box.id], sites, body(box.lines, setting))))


def _sheet(box: Box, number: int, name: str) -> str:
    """A border that looks out behind a box; nothing holds on to it."""
    return (
        f"<p:sp><p:nvSpPr>{named(number, name, told(box))}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f"<p:spPr>{moved(box.x, box.y, box.width, box.height)}{_preset(box)}{filled(box.fill)}"
        f"{outline(box.stroke, box.stroke_width, dashed=box.dashed)}</p:spPr></p:sp>"
    )


def _title(box: Box, lang: str) -> Setting:
    """How the title of a group is set: where it is painted elsewhere."""
    found = placed_lines(box)
    if not found:
        return Setting(lang)
    first = found[0]
    top = first.y - box.y - _ASCENT * max(run.size for run in first.runs)
    return Setting(lang, align="start", anchor="t", left=first.x - box.x, top=top)


def _outlined(box: Box, number: int, sites: Sites, words: str) -> str:
    line = outline(box.stroke, box.stroke_width, dashed=box.dashed)
    size = (box.width, box.height)
    return (
        f"<p:sp><p:nvSpPr>{named(number, f'!!{box.id}', told(box))}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f"<p:spPr>{moved(box.x, box.y, *size)}{_geometry(box, sites)}{filled(box.fill)}{line}</p:spPr>"
        f"{words}</p:sp>"
    )


def _record(box: Box, numbers: Mapping[str, int], sites: Sites, lang: str) -> str:
    """A box whose lines stand side by side, with rules between them."""
    rows = [_outlined(box, numbers[box.id], sites, body((), Setting(lang)))]
    height = box.height
    for count, x in enumerate(rules(box), 1):
        left, top = x, box.y
        rows.append(line_between(numbers[f"{box.id}r{count}"], f"!!{box.id}r{count}", (left, top), height, box))
    for count, line in enumerate(placed_lines(box), 1):
        left, top = line.x - line.room / 2, box.y
        frame = (left, top, line.room, height)
        rows.append(label(numbers[f"{box.id}t{count}"], f"!!{box.id}t{count}", [line.runs], frame, Setting(lang)))
    return "".join(rows)


def parts(box: Box) -> list[str]:
    """The ids of all that a box is drawn as, its own first."""
    if not box.across:
        return [box.id, *(f"{box.id}s{number}" for number in range(1, len(sheets(box))))]
    return [box.id, *(f"{box.id}r{n + 1}" for n in range(len(rules(box)))), *_cells(box)]


def _cells(box: Box) -> list[str]:
    return [f"{box.id}t{number}" for number in range(1, len(placed_lines(box)) + 1)]


def line_between(number: int, name: str, start: Point, height: float, box: Box) -> str:
    """A rule from top to bottom of a box."""
    return (
        f"<p:sp><p:nvSpPr>{named(number, name, 'rule')}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f'<p:spPr>{moved(*start, 0, height)}<a:prstGeom prst="line"><a:avLst/></a:prstGeom>'
        f"{outline(box.stroke, box.stroke_width)}</p:spPr></p:sp>"
    )


# Geometry. A shape of PowerPoint's own where its four sites do, else the same outline with more sites.


def _geometry(box: Box, sites: Sites) -> str:
    if len(sites.found[box.id]) > 4 or box.double:
        return _custom(box, sites)
    return _preset(box)


def _preset(box: Box) -> str:
    radius = corner_radius(box)
    if not radius:
        return '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
    share = round(100_000 * radius / min(box.width, box.height))
    return f'<a:prstGeom prst="roundRect"><a:avLst><a:gd name="adj" fmla="val {share}"/></a:avLst></a:prstGeom>'


def _custom(box: Box, sites: Sites) -> str:
    """The outline as a path, with the sites as shares of width and height, so that they follow when it is resized."""
    width, height = emu(box.width), emu(box.height)
    guides, ends = [], []
    for number, (x, y) in enumerate(sites.found[box.id]):
        guides.append(f'<a:gd name="x{number}" fmla="*/ w {emu(x - box.x)} {width}"/>')
        guides.append(f'<a:gd name="y{number}" fmla="*/ h {emu(y - box.y)} {height}"/>')
        ends.append(f'<a:cxn ang="{_outwards(box, (x, y))}"><a:pos x="x{number}" y="y{number}"/></a:cxn>')
    paths = _path(box, 0.0) + (_path(box, inner(box)) if box.double else "")
    return (
        f"<a:custGeom><a:avLst/><a:gdLst>{''.join(guides)}</a:gdLst><a:ahLst/><a:cxnLst>{''.join(ends)}</a:cxnLst>"
        f'<a:rect l="l" t="t" r="r" b="b"/><a:pathLst>{paths}</a:pathLst></a:custGeom>'
    )


def _outwards(box: Box, point: Point) -> int:
    """The way an arrow leaves at a site: square to the nearest side."""
    sides = {
        _LEFT: abs(point[0] - box.x),
        _RIGHT: abs(box.x + box.width - point[0]),
        _UP: abs(point[1] - box.y),
        _DOWN: abs(box.y + box.height - point[1]),
    }
    return min(sides, key=lambda way: sides[way])


def _path(box: Box, inset: float) -> str:
    """A closed way round, clockwise from the left end of the upper side; with an inset, without a fill of its own."""
    width, height = emu(box.width), emu(box.height)
    low, right, bottom = emu(inset), emu(box.width - inset), emu(box.height - inset)
    r = emu(max(0.0, corner_radius(box) - inset))
    ways = [_move(low + r, low), _to(right - r, low), _turn(r, _UP), _to(right, bottom - r), _turn(r, _RIGHT)]
    ways += [_to(low + r, bottom), _turn(r, _DOWN), _to(low, low + r), _turn(r, _LEFT), "<a:close/>"]
    fill = ' fill="none"' if inset else ""
    return f'<a:path w="{width}" h="{height}"{fill}>{"".join(ways)}</a:path>'


def _move(x: int, y: int) -> str:
    return f'<a:moveTo><a:pt x="{x}" y="{y}"/></a:moveTo>'


def _to(x: int, y: int) -> str:
    return f'<a:lnTo><a:pt x="{x}" y="{y}"/></a:lnTo>'


def _turn(radius: int, start: int) -> str:
    """A round corner, from the way it begins at on its circle."""
    return f'<a:arcTo wR="{radius}" hR="{radius}" stAng="{start}" swAng="5400000"/>' if radius else ""
