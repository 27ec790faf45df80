"""Lays out turns of a loop that are alike once for all of them; each has its own boxes at the places found.

Across the flow everything stands where it does in all turns. Along it a turn takes the room of its own words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout import coordinates, order
from render.layout.levels import ENTRY, EXIT
from render.layout.plate import Plate, draw
from render.layout.sheet import Sheet, label_room, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from render.layout.levels import Key, Net, Plan

CLEAR: Final = coordinates.LANE_GAP


@dataclass(slots=True)
class _Model:
    """What lies in a group of each turn, as one level: with all boxes and nets that some turn has there.

    Attributes:
        groups: The groups, by the column that each lies in.
        boxes: What lies there.
        nets: By the net they are in the model.
        own: What each of them is in a turn, by column.
    """

    groups: dict[int, int]
    boxes: list[int]
    nets: dict[Key, Net]
    own: dict[int, dict[Key, Key]]


class _State(NamedTuple):
    """A net by which a turn hands something on, and the one by which the next takes it in, in the model.

    Between turns it needs room `above` and `below` its line.
    """

    leaving: Key
    entering: Key
    above: float
    below: float


def lay_out_alike(plan: Plan, group: int) -> Iterator[tuple[int, Plate]]:
    """Each group that a group of the model stands for, with its inside.

    Args:
        plan: What lies in these groups is laid out already; sizes and ports of the model are set.
        group: Of the model.
    """
    model = _model(plan, group)
    states = _states(plan, model) if group in model.groups else []  # of a column, not of a group in one
    sheet = stretch(plan, model.boxes, model.nets, [1] * len(model.boxes))
    _keep_apart(sheet, states)
    order.arrange(sheet)
    line = coordinates.place(sheet)
    _lead_on(sheet, line, states)
    drawn: dict[tuple[float, ...], Plate] = {}
    node_of = {box: node for node, box in enumerate(sheet.boxes)}
    for column, own in model.groups.items():
        boxes = {plan.turns.place(box): box for box in plan.levels[own].members}
        length = [*sheet.length]
        for box, mine in boxes.items():
            length[node_of[box]] = plan.length[mine]
        nets = plan.levels[own].nets
        for key, holder in sheet.labels.items():
            net = nets.get(model.own[column].get(key, key))
            length[holder] = 0.0 if net is None or net.label is None else length[holder]
        if tuple(length) not in drawn:
            drawn[tuple(length)] = draw(plan, replace(sheet, length=length), model.nets, line)
        yield own, _renamed(drawn[tuple(length)], boxes, model.own[column])


def _model(plan: Plan, group: int) -> _Model:
    """All that lies in the groups that are alike."""
    turns = plan.turns
    groups = {turns.column[each]: each for each in plan.turns.like(group)}
    found = _Model(groups, [], {}, {})
    boxes: dict[int, None] = {}
    for column, each in sorted(groups.items(), key=lambda item: item[1] != group):
        level = plan.levels[each]
        boxes.update(dict.fromkeys(turns.place(box) for box in level.members))
        own = found.own[column] = {plan.model_of.get((column, key), key): key for key in level.nets}
        for key, mine in own.items():
            _join(plan, found.nets, key, mine, level.nets[mine])
    found.boxes += boxes
    return found


def _join(plan: Plan, nets: dict[Key, Net], key: Key, mine: Key, net: Net) -> None:
    """Adds to the nets of a model what one turn has; its ports too, where the model has none."""
    place = plan.turns.place
    source = net.source if net.source == ENTRY else place(net.source)
    known = nets.setdefault(key, replace(net, source=source, targets={}, label=None))
    for target, count in net.targets.items():
        known.targets.setdefault(target if target == EXIT else place(target), count)
        if target != EXIT and (target, mine) in plan.entering:
            plan.entering.setdefault((place(target), key), plan.entering[target, mine])
    if net.source != ENTRY and (net.source, mine) in plan.leaving:
        plan.leaving.setdefault((source, key), plan.leaving[net.source, mine])
    known.twin = known.twin or net.twin
    if net.label is not None and (known.label is None or known.label.width < net.label.width):
        known.label, known.label_before = net.label, net.label_before


def _states(plan: Plan, model: _Model) -> list[_State]:
    """What turns hand on to the next, in the model; a state may have a box of its own between the two.

    What comes from turns that are not drawn needs room for its words as well.
    """
    found: dict[Key, _State] = {}
    for column in model.groups:
        following = plan.turns.following.get(column, column)
        nets = plan.levels[plan.parent[column]].nets
        entering: dict[int, Key] = {}
        for key, net in nets.items():
            if following in net.targets and plan.scene.boxes[net.source].column is None:
                entering.setdefault(net.source, key)
        for key, net in nets.items():
            if column in net.targets and plan.scene.boxes[net.source].column is not None:
                found.setdefault(key, _State(key, plan.model_of.get((column, key), key), *label_room(plan, net)))
            if net.source == column != following:
                above, below = label_room(plan, net)
                for target in net.targets:
                    taken = key if target == following else entering.get(target)
                    half = plan.breadth[target] / 2 if target in entering else 0.0
                    if taken is not None:
                        ends = (plan.model_of.get((column, key), key), plan.model_of.get((following, taken), taken))
                        found.setdefault(ends[0], _State(*ends, max(above, half), max(below, half)))
    return list(found.values())


def _keep_apart(sheet: Sheet, states: list[_State]) -> None:
    """Leaves so much room where states come in that what stands beside or upon them between turns has its place."""
    for state in states:
        node = sheet.terminals.get((state.entering, ENTRY))
        if node is not None:
            sheet.above[node] = max(sheet.above[node], state.above)
            sheet.below[node] = max(sheet.below[node], state.below)


def _lead_on(sheet: Sheet, line: list[float], states: list[_State]) -> None:
    """Moves the ends of states to the height at which the next turn takes them in; others make room for them."""
    if not sheet.layers:
        return
    fixed: dict[int, float] = {}
    for state in states:
        ends = sheet.terminals.get((state.leaving, EXIT)), sheet.terminals.get((state.entering, ENTRY))
        if ends[0] is not None and ends[1] is not None:
            fixed[ends[0]] = line[ends[1]]
    taken = sorted(fixed.values())
    for node in sheet.layers[-1]:
        if node not in fixed:
            fixed[node] = _beside(line[node], taken)
            taken = sorted((*taken, fixed[node]))
    for node, at in fixed.items():
        line[node] = at
    sheet.layers[-1].sort(key=lambda node: line[node])


def _beside(at: float, taken: list[float]) -> float:
    """The height nearest to `at` that is far enough from those that are taken."""
    choices = [at, *(each + side * CLEAR for each in taken for side in (-1, 1))]
    free = [each for each in choices if all(abs(each - other) > CLEAR - 0.01 for other in taken)]
    return min(free, key=lambda each: abs(each - at))


def _renamed(plate: Plate, boxes: Mapping[int, int], own: Mapping[Key, Key]) -> Plate:
    """The plate of the model with the boxes and nets of one turn.

    Ends at the border that it has no net for stay, so that there is as much room there in all turns.
    """
    return Plate(
        length=plate.length,
        breadth=plate.breadth,
        at={boxes[box]: at for box, at in plate.at.items() if box in boxes},
        courses={
            (own[key], boxes.get(target, target)): runs
            for (key, target), runs in plate.courses.items()
            if key in own and (target == EXIT or target in boxes)
        },
        labels={own[key]: at for key, at in plate.labels.items() if key in own},
        entries={own.get(key, key): at for key, at in plate.entries.items()},
        exits={own.get(key, key): at for key, at in plate.exits.items()},
    )
