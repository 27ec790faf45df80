"""Our own engine: layered drawing (Sugiyama) of nested groups, innermost first; needs nothing installed.

Ranks, order within ranks, positions across and routes have a file each; here they are put together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.alike import lay_out_alike
from render.layout.columns import line_up
from render.layout.finish import finish
from render.layout.levels import ENTRY, EXIT, ROOT, Level, cut
from render.layout.outline import STACK
from render.layout.packing import pack
from render.layout.plate import Plate, lay_out
from render.layout.routes import Run, join
from render.layout.sheet import TWIN
from render.layout.titles import in_two_rows
from render.layout.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Key, Net, Plan
    from render.scene import Box, Point, Scene

PAD: Final = 16.0  # between the border of a group and what lies in it
BORDER: Final = 4.0  # the same where lines cross the border, which leave room for themselves
UNDER_TITLE: Final = 6.0
PART_GAP: Final = 32.0  # between unconnected parts
BESIDE: Final = TWIN - 6.0  # from a line that comes in to the room of a title, which has a margin of its own
TO_THE_LEFT: Final = 16.0  # room that it may take to have a title at the left


def place(scene: Scene) -> Scene:
    """The scene with everything placed; time and space are about linear in the boxes and the ranks that edges span."""
    plan = cut(scene)
    insides: dict[int, tuple[Plate, Point]] = {}
    for group in sorted(plan.levels, reverse=True):  # inner groups have higher numbers than the ones around them
        if plan.turns.model.get(group) == group:
            plates = dict(lay_out_alike(plan, group))
            fitted = _fit_alike(plan, plates)
            insides.update({each: (plate, fitted[each]) for each, plate in plates.items()})
        elif plan.levels[group].members and group not in plan.turns.model:
            line_up(plan, group, insides)
            plate = _level(plan, plan.levels[group])
            insides[group] = (plate, _fit(plan, group, plate) if group != ROOT else (0.0, 0.0))
    at: dict[int, Point] = {}
    origin: dict[int, Point] = {}
    for group in sorted(insides):
        plate, inset = insides[group]
        corner = at[group] if group != ROOT else (0.0, 0.0)
        origin[group] = (corner[0] + inset[0], corner[1] + inset[1])
        for box, where in plate.at.items():
            at[box] = _sum(origin[group], where)
    runs = {edge: _runs(plan, edge, insides, origin) for edge in plan.hops}
    labels = _labels(plan, insides, origin)
    return finish(plan, at, runs, labels)


def _sum(one: Point, other: Point) -> Point:
    return (one[0] + other[0], one[1] + other[1])


def _level(plan: Plan, level: Level) -> Plate:
    """Lays out a level: parts that are not connected each by itself, those that lines enter or leave as one."""
    parts = _parts(level)
    plates = [lay_out(plan, members, nets) for members, nets in parts]
    if plan.scene.wrap:
        plates = [wrap(plan, *part, plate) for part, plate in zip(parts, plates, strict=True)]
    return plates[0] if len(plates) == 1 else pack(plates, across=plan.across, gap=PART_GAP)


def _parts(level: Level) -> list[tuple[list[int], dict[Key, Net]]]:
    """Members and nets of the connected parts; those with nets across the border are one part, and the first."""
    leader = {box: box for box in level.members}
    outside = level.members[0]

    def find(box: int) -> int:
        while leader[box] != box:
            leader[box] = leader[leader[box]]
            box = leader[box]
        return box

    crossing = [key for key, net in level.nets.items() if net.source == ENTRY or EXIT in net.targets]
    if crossing:
        outside = max(level.nets[crossing[0]].source, max(level.nets[crossing[0]].targets))
    for net in level.nets.values():
        ends = [box for box in (net.source, *net.targets) if box >= 0]
        if net.source == ENTRY or EXIT in net.targets:
            ends.append(outside)
        for box in ends[1:]:
            one, other = sorted((find(ends[0]), find(box)))
            leader[other] = one
    parts: dict[int, tuple[list[int], dict[Key, Net]]] = {}
    if crossing:
        parts[find(outside)] = ([], {})
    for box in level.members:
        parts.setdefault(find(box), ([], {}))[0].append(box)
    for key, net in level.nets.items():
        parts[find(net.source if net.source >= 0 else max(net.targets))][1][key] = net
    return list(parts.values())


def _fit(plan: Plan, group: int, plate: Plate) -> Point:
    """Sets size, title and ports of a group from its inside; where in the group that inside begins."""
    box = plan.scene.boxes[group]
    broken = in_two_rows(box) if box.column is None else None  # columns have their tops in one line
    return _set(plan, group, plate, min((_around(plan, each, plate) for each in (box, broken) if each), key=_area))


def _fit_alike(plan: Plan, plates: Mapping[int, Plate]) -> dict[int, Point]:
    """As `_fit` for groups that are alike: all have as much room for a title, in as many rows."""
    boxes = {group: plan.scene.boxes[group] for group in plates}
    widest = max(plates, key=lambda group: boxes[group].width)
    broken = in_two_rows(boxes[widest]) if boxes[widest].column is None else None
    choices = (_around(plan, each, plates[widest]) for each in (boxes[widest], broken) if each)
    room = min(choices, key=_area).box
    found = {}
    for group, plate in plates.items():
        titled = (in_two_rows(boxes[group]) if len(room.lines) > 1 else None) or boxes[group]
        fit = _around(plan, replace(titled, width=room.width, height=room.height), plate)
        found[group] = _set(plan, group, plate, fit)
    return found


def _around(plan: Plan, box: Box, plate: Plate) -> _Fit:
    return _across(box, plate) if plan.across else _down(box, plate)


def _set(plan: Plan, group: int, plate: Plate, fit: _Fit) -> Point:
    """Sets what a group has come to be in the plan; where in it its inside begins."""
    plan.titled[group] = fit.box
    plan.length[group], plan.breadth[group] = fit.length, fit.breadth
    for key, where in plate.entries.items():
        plan.entering[group, key] = fit.inset[1] + where - fit.breadth / 2
    for key, where in plate.exits.items():
        plan.leaving[group, key] = fit.inset[1] + where - fit.breadth / 2
    return fit.inset


class _Fit(NamedTuple):
    """A group with its title in place, its size along and across the flow, and where in it its inside begins."""

    box: Box
    length: float
    breadth: float
    inset: Point


def _area(fit: _Fit) -> float:
    return fit.length * fit.breadth


def _across(box: Box, plate: Plate) -> _Fit:
    """Around an inside whose flow runs from left to right, below its title."""
    title = max(PAD, box.height + UNDER_TITLE if box.height else PAD)
    near = BORDER if plate.entries else PAD
    far = BORDER if plate.exits else PAD
    behind = STACK if box.stacked else 0.0  # above and to the right of the front
    length = max(plate.length + near + far, box.width) + behind
    inset = (near + (length - plate.length - near - far - behind) / 2, title + behind)
    return _Fit(box, length, plate.breadth + title + PAD + behind, inset)


def _down(box: Box, plate: Plate) -> _Fit:
    """Around an inside whose flow runs downwards; lines that come in pass beside the title."""
    near = PAD if not plate.entries else 0.0 if box.height else BORDER
    far = BORDER if plate.exits else PAD
    behind = STACK if box.stacked else 0.0
    near += box.height + behind
    title, aside, breadth = _title_beside(sorted(plate.entries.values()), box.width, plate.breadth + 2 * PAD)
    inset = (near, aside if plate.entries else (breadth - plate.breadth) / 2)
    return _Fit(replace(box, title=title), plate.length + near + far, breadth + behind, inset)


def _title_beside(entries: Sequence[float], width: float, breadth: float) -> tuple[float, float, float]:
    """Where a title stands that lines come in beside: at the left, between two of them, or right of the last.

    Args:
        entries: Where lines come in, across the flow, from where the inside begins.
        width: Of the title.
        breadth: Of the group, but for the title.

    Returns:
        Where the title begins and where the inside does, both from the left border, and the breadth with the title.
    """
    if not entries:
        return 0.0, PAD, max(breadth, width)
    shift = max(0.0, width + BESIDE - PAD - entries[0])
    choices = [(max(breadth + shift, width), 0.0, PAD + shift)]
    for place, at in enumerate(entries):
        title = PAD + at + BESIDE
        room = entries[place + 1] - at - 2 * BESIDE if place + 1 < len(entries) else float("inf")
        if room >= width:
            choices.append((max(breadth, title + width), title, PAD))
    best = min(choices, key=lambda choice: choice[0] - TO_THE_LEFT * (choice[1] == 0.0))
    return best[1], best[2], best[0]


def _runs(plan: Plan, edge: int, insides: dict[int, tuple[Plate, Point]], origin: dict[int, Point]) -> Sequence[Run]:
    parts = []
    for hop in plan.hops[edge]:
        along, across = origin[hop.group]
        course = insides[hop.group][0].courses[hop.key, hop.target]
        parts.append([Run(run.start + along, run.end + along, run.at + across) for run in course])
    return join(parts)


def _labels(plan: Plan, insides: dict[int, tuple[Plate, Point]], origin: dict[int, Point]) -> dict[int, Point]:
    """Centres of the labels of edges, by their numbers."""
    centres: dict[int, Point] = {}
    for edge, hops in plan.hops.items():
        if plan.scene.edges[edge].label is not None:
            hop = next(hop for hop in hops if hop.target != EXIT)  # in the outermost level it runs in
            centres[edge] = _sum(origin[hop.group], insides[hop.group][0].labels[hop.key])
    return centres
