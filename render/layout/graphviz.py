"""The engine `dot`: has Graphviz place a scene whose boxes have fixed sizes, and reads positions and curves back.

The DOT text written here holds sizes and nothing that is seen; for a DOT file to look at there is a format.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from render.layout.errors import EngineMissing, LayoutTimeout
from render.layout.finish import LINE_HEIGHT, settle
from render.layout.levels import ROOT, Plan, cut
from render.layout.sheet import TWIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from render.layout.finish import Rect
    from render.scene import Box, Point, Scene

SECONDS: Final = 20.0  # dot may take, before it is stopped
LARGE: Final = 300  # boxes, from which on network simplex is cut short
POINTS: Final = 72.0  # in an inch; a pixel of ours is passed as a point
CLUSTER_PAD: Final = 16.0


def place(scene: Scene) -> Scene:
    """The scene as `dot` places it.

    Raises:
        EngineMissing: There is no `dot` on PATH.
        LayoutTimeout: It took longer than `SECONDS`.
        RuntimeError: It failed; the message is what it said.
    """
    plan = cut(scene)
    return _read(plan, json.loads(_run(_write(plan))))


def _run(text: str) -> str:
    """What `dot` answers to DOT text."""
    program = shutil.which("dot")
    if program is None:
        raise EngineMissing(
            "the layout engine 'dot' needs Graphviz, whose program 'dot' was not found on PATH: install it "
            "(apt install graphviz, brew install graphviz, or https://graphviz.org/download), "
            "or use --engine layered, which needs nothing"
        )
    try:
        done = subprocess.run(
            [program, "-Tjson0"], input=text, capture_output=True, encoding="utf-8", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise LayoutTimeout(f"the layout engine 'dot' took longer than {SECONDS:.0f} s") from None
    if done.returncode or not done.stdout:
        raise RuntimeError(f"the layout engine 'dot' failed ({done.returncode}): {done.stderr.strip()[-500:]}")
    return done.stdout


# Writing.


def _write(plan: Plan) -> str:
    scene = plan.scene
    lines = ["digraph {", f"rankdir={scene.direction}", "nodesep=0.34 ranksep=0.5", "edge [dir=none]"]
    lines.append('node [shape=box fixedsize=true label=""]')
    if len(scene.boxes) > LARGE:
        lines.append("nslimit=2 nslimit1=2")
    lines += _nested(plan)
    arriving = _arriving(plan)
    leave, enter = ("e", "w") if plan.across else ("s", "n")
    for index in plan.hops:
        edge = scene.edges[index]
        tail, head = plan.ends[index]
        ported = len(arriving[head]) > 1 and head not in plan.levels
        port = f":p{arriving[head].index(index)}" if ported else ""
        label = ""
        if edge.label is not None:
            label = f" label={_table(edge.label.width + 8, edge.label.size * LINE_HEIGHT)}"
        lines.append(f'b{tail}:{leave} -> b{head}{port}:{enter} [id="{index}"{label}]')
    return "\n".join([*lines, "}"])


def _arriving(plan: Plan) -> dict[int, list[int]]:
    """Numbers of the edges that enter a box, in the order of the operands."""
    arriving: dict[int, list[int]] = {}
    for index in sorted(plan.hops, key=lambda index: (plan.scene.edges[index].order, index)):
        arriving.setdefault(plan.ends[index][1], []).append(index)
    return arriving


def _nested(plan: Plan) -> list[str]:
    """Nodes in their clusters. Groups stand before their content, so an explicit stack of open ones is enough."""
    arriving = _arriving(plan)
    lines: list[str] = []
    stack: list[tuple[int, int]] = [(ROOT, 0)]
    while stack:
        group, place = stack.pop()
        members = plan.levels[group].members
        if place == len(members):
            lines += ["}"] if group != ROOT else []
            continue
        stack.append((group, place + 1))
        box = members[place]
        if box in plan.levels:
            size = plan.scene.boxes[box]
            lines.append(f"subgraph cluster_{box} {{")
            lines.append(f"labeljust=l margin={CLUSTER_PAD:.0f} label={_table(size.width - 16, size.height)}")
            stack.append((box, 0))
        else:
            lines.append(_node(plan.scene.boxes[box], box, len(arriving.get(box, ())), across=plan.across))
    return lines


def _node(box: Box, index: int, entering: int, *, across: bool) -> str:
    if entering < 2:
        return f"b{index} [width={box.width / POINTS:.4f} height={box.height / POINTS:.4f}]"
    return f"b{index} [shape=plain fixedsize=false label={_table(box.width, box.height, cells=entering, rows=across)}]"


def _table(width: float, height: float, *, cells: int = 1, rows: bool = True) -> str:
    """An empty HTML label of a fixed size, its cells (`p0`, `p1`, ...) below or beside each other."""
    wide, high = max(1, round(width)), max(1, round(height))
    sides = f'width="{wide if rows else max(1, wide // cells)}" height="{high // cells if rows else high}"'
    parts = [f'<td port="p{cell}" fixedsize="true" {sides}></td>' for cell in range(cells)]
    body = "".join(f"<tr>{part}</tr>" for part in parts) if rows else f"<tr>{''.join(parts)}</tr>"
    table = 'border="0" cellborder="0" cellspacing="0" cellpadding="0" fixedsize="true"'
    return f'<<table {table} width="{wide}" height="{high}">{body}</table>>'


# Reading. Graphviz counts y upwards.


def _read(plan: Plan, answer: dict[str, Any]) -> Scene:
    scene = plan.scene
    rects: list[Rect] = [(0.0, 0.0, box.width, box.height) for box in scene.boxes]
    for item in answer.get("objects", ()):
        name = str(item["name"])
        if name.startswith("cluster_"):
            left, low, right, high = (float(each) for each in item["bb"].split(","))
            rects[int(name.removeprefix("cluster_"))] = (left, -high, right - left, high - low)
        else:
            index = int(name.removeprefix("b"))
            x, y = (float(each) for each in item["pos"].split(","))
            _, _, width, height = rects[index]
            rects[index] = (x - width / 2, -y - height / 2, width, height)
    items = {int(item["id"]): item for item in answer.get("edges", ())}
    return settle(scene, rects, *_edges(plan, rects, items))


def _edges(
    plan: Plan, rects: Sequence[Rect], items: dict[int, dict[str, Any]]
) -> tuple[list[Sequence[Point]], list[Point | None]]:
    """Paths of all edges, and centres of their labels."""
    scene = plan.scene
    number = {edge.id: index for index, edge in enumerate(scene.edges)}
    place = {box.id: index for index, box in enumerate(scene.boxes)}
    with_twin = {edge.twin for edge in scene.edges if edge.twin is not None}
    curves = {index: _points(item["pos"]) for index, item in items.items()}
    paths: list[Sequence[Point]] = []
    centres: list[Point | None] = []
    for index, edge in enumerate(scene.edges):
        if index in curves:
            path = _aside(curves[index], TWIN if edge.id in with_twin else 0.0)
        else:
            path = _aside(curves[number[edge.twin or ""]], -TWIN)[::-1]
        labelled = index in curves and edge.label is not None
        centres.append(_points(items[index]["lp"])[0] if labelled else None)
        tail, head = rects[place[edge.tail]], rects[place[edge.head]]
        paths.append((_on_side(path[0], tail), *path[1:-1], _on_side(path[-1], head)))
    return paths, centres


def _points(text: str) -> tuple[Point, ...]:
    """Points of a spline or of a label; what stands in between several splines of one edge is left out."""
    pairs = [part.split(",")[-2:] for part in text.replace(";", " ").split()]
    points = ((float(x), -float(y)) for x, y in pairs)
    return tuple(points)


def _aside(path: tuple[Point, ...], by: float) -> tuple[Point, ...]:
    """The curve moved to its left (seen along it) by a distance: each control point along the normal at its end."""
    if not by:
        return path
    moved: list[Point] = []
    for start in range(0, len(path) - 1, 3):
        piece = path[start : start + 4]
        first, last = _normal(piece[0], piece), _normal(piece[3], piece[::-1])
        last = (-last[0], -last[1])
        corners = [
            (point[0] + by * normal[0], point[1] + by * normal[1])
            for point, normal in zip(piece, (first, first, last, last), strict=True)
        ]
        moved += corners if not moved else corners[1:]
    return tuple(moved)


def _normal(start: Point, piece: Sequence[Point]) -> Point:
    """Unit vector to the left of the way from `start` to the next point that lies elsewhere (y grows downwards)."""
    for point, _ in groupby(piece):
        x, y = point[0] - start[0], point[1] - start[1]
        size = (x * x + y * y) ** 0.5
        if size > 1e-6:
            return (y / size, -x / size)
    return (0.0, 0.0)


def _on_side(point: Point, rect: Rect) -> Point:
    """The nearest point on the sides of a rectangle."""
    left, top, width, height = rect
    x = min(max(point[0], left), left + width)
    y = min(max(point[1], top), top + height)
    sides = (
        (abs(x - left), (left, y)),
        (abs(left + width - x), (left + width, y)),
        (abs(y - top), (x, top)),
        (abs(top + height - y), (x, top + height)),
    )
    return min(sides, key=lambda side: side[0])[1]
