"""Lines up the turns of a loop: columns of one height, whose states leave each where the next one takes them in.

In a picture that flows downwards they are rows of one width: what is said of heights here holds across the flow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from render.layout.coordinates import gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Key, Net, Plan
    from render.layout.plate import Plate
    from render.layout.sheet import Sheet
    from render.scene import Point


def line_up(plan: Plan, group: int, insides: dict[int, tuple[Plate, Point]]) -> None:
    """Gives the columns that lie in a group one height, so that they stand side by side.

    What stands for columns that are not drawn is as high as they are, and states pass through it.

    Args:
        plan: Its columns are laid out already; sizes and ports of them are changed.
        group: In which they lie.
        insides: Of groups that are laid out, with where in the group the inside begins.
    """
    columns = _columns(plan, group)
    breadth = max((plan.breadth[column] for column in columns), default=0.0)
    for column in columns if len(columns) > 1 else ():
        _stretch(plan, column, breadth, insides)
    for before, column in pairwise(columns):
        for key, net in plan.levels[group].nets.items():
            if net.source == before and column in net.targets:
                if before not in insides:
                    plan.leaving[before, key] = plan.entering[column, key]
                elif column not in insides:
                    plan.entering[column, key] = plan.leaving[before, key]
                elif column not in plan.turns.model:
                    _shift(plan, column, plan.leaving[before, key] - plan.entering[column, key], insides)
                    break


def straight(plan: Plan, sheet: Sheet, nets: Mapping[Key, Net], line: Sequence[float]) -> list[float]:
    """Positions in which columns have their tops in one line, and what runs from one to the next is straight.

    Args:
        plan: Sizes and ports.
        sheet: Ordered and placed.
        nets: That run in it.
        line: Positions of its nodes; they are given back as they are where there is no room for others.
    """
    node_of = {box: node for node, box in enumerate(sheet.boxes) if plan.scene.boxes[box].column is not None}
    if len(node_of) < 2:
        return [*line]
    moved, nodes = [*line], sorted(node_of.values(), key=lambda node: sheet.rank[node])
    first, last = sheet.rank[nodes[0]], sheet.rank[nodes[-1]]
    top = line[nodes[0]] - sheet.above[nodes[0]]
    for node in nodes:
        moved[node] = top + sheet.above[node]
    fixed = set(nodes)
    for (key, target), chain in sheet.chains.items():
        if nets[key].source in node_of and target in node_of:
            states = chain.trunk[1 : chain.passed]
            moved = _with(moved, states, moved[chain.trunk[0]] + plan.leaving[nets[key].source, key])
            fixed.update(states)
    shift = moved[nodes[-1]] - line[nodes[-1]]  # what comes after the last column stays beside it
    moved = [at + (shift if rank > last else 0.0) for at, rank in zip(moved, sheet.rank, strict=True)]
    moved = _make_room(sheet, fixed, moved)
    for chain in sheet.chains.values():  # what passes columns by does so at one height
        passing = [node for node in chain.trunk if node not in fixed and first <= sheet.rank[node] <= last]
        sides = [moved[node] - line[nodes[0]] for node in passing]
        if passing and (max(sides) < 0 or min(sides) > 0):
            furthest = min(sides) if max(sides) < 0 else max(sides)
            moved = _with(moved, passing, line[nodes[0]] + furthest)
    moved = _make_room(sheet, fixed, moved)
    level = _states_level(plan, sheet, nets, node_of, moved)
    return next((each for each in (level, moved) if _has_room(sheet, each)), [*line])


def _states_level(
    plan: Plan, sheet: Sheet, nets: Mapping[Key, Net], columns: Mapping[int, int], line: Sequence[float]
) -> list[float]:
    """Positions with each state that has a box of its own, between two columns, where the later one takes it in."""
    nodes = {box: node for node, box in enumerate(sheet.boxes)}
    states = {target for key, target in sheet.chains if nets[key].source in columns and target not in columns}
    moved, fixed = [*line], {*columns.values()}
    for key, target in sheet.chains:
        state = nets[key].source
        if state in states and target in columns:
            height = line[columns[target]] + plan.entering[target, key] - plan.leaving[state, key]
            moved = _with(moved, [nodes[state]], height)
            fixed.add(nodes[state])
    return _make_room(sheet, fixed, moved)


def _columns(plan: Plan, group: int) -> list[int]:
    """The columns that lie in a group, in the order of time."""
    boxes = plan.scene.boxes
    found = [box for box in plan.levels[group].members if boxes[box].column is not None]
    return sorted(found, key=lambda box: boxes[box].column or 0)


def _with(line: Sequence[float], nodes: Sequence[int], at: float) -> list[float]:
    """Positions with those of some nodes at one height."""
    moved = [*line]
    for node in nodes:
        moved[node] = at
    return moved


def _make_room(sheet: Sheet, fixed: set[int], line: Sequence[float]) -> list[float]:
    """Positions with what stands above, below and between those that are fixed as far from them as it must be."""
    moved = [*line]
    for layer in sheet.layers:
        places = [place for place, node in enumerate(layer) if node in fixed]
        for near, far in pairwise(layer[places[0] :] if places else ()):
            if far not in fixed:
                moved[far] = max(moved[far], moved[near] + _apart(sheet, near, far))
        for far, near in pairwise(reversed(layer[: places[-1] + 1] if places else ())):
            if near not in fixed:
                moved[near] = min(moved[near], moved[far] - _apart(sheet, near, far))
    return moved


def _apart(sheet: Sheet, near: int, far: int) -> float:
    """How far apart two neighbours in a layer must be."""
    return sheet.below[near] + gap(not sheet.solid[near], not sheet.solid[far]) + sheet.above[far]


def _has_room(sheet: Sheet, line: Sequence[float]) -> bool:
    """Whether neighbours in every layer are as far apart as they must be."""
    pairs = (pair for layer in sheet.layers for pair in pairwise(layer))
    return all(line[far] - line[near] > _apart(sheet, near, far) - 0.01 for near, far in pairs)


def _stretch(plan: Plan, column: int, breadth: float, insides: Mapping[int, tuple[Plate, Point]]) -> None:
    """Makes a column as high as all are; what lies in it stays where it is below its top."""
    more = (breadth - plan.breadth[column]) / 2
    plan.breadth[column] = breadth
    if column in insides:
        _move_ports(plan, column, -more, insides)


def _shift(plan: Plan, column: int, by: float, insides: dict[int, tuple[Plate, Point]]) -> None:
    """Moves what lies in a column to where it meets what comes in, as far as there is room."""
    plate, (along, across) = insides[column]
    moved = max(across, min(across + by, plan.breadth[column] - plate.breadth - across))
    insides[column] = (plate, (along, moved))
    _move_ports(plan, column, moved - across, insides)


def _move_ports(plan: Plan, column: int, by: float, insides: Mapping[int, tuple[Plate, Point]]) -> None:
    plate = insides[column][0]
    plan.entering.update({(column, key): plan.entering[column, key] + by for key in plate.entries})
    plan.leaving.update({(column, key): plan.leaving[column, key] + by for key in plate.exits})
