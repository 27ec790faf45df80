"""Cuts a scene along its groups: what lies in each group, and the nets (one source, many readers) that run there.

Every group is laid out by itself, innermost first, and is then one box in the group around it. An edge that
crosses borders is cut at each of them into hops; hops of edges that leave the same point are one net, so that
a tensor read by thirty operations is one line that branches and not thirty lines side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.outline import STACK
from render.layout.turns import Turns, find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.turns import Use
    from render.scene import Box, Edge, Scene, Text

ROOT: Final = -1  # the level around all groups
ENTRY: Final = -2  # stands for "comes in across the border" as a source
EXIT: Final = -3  # stands for "leaves across the border" as a target
PORT_STEP: Final = 14.0  # between two edges that enter one box: room for a value and its gradient
PORT_EDGE: Final = 6.0  # kept free at either corner of a box


class Key(NamedTuple):
    """What makes edges one net: the box they leave, which of several parallel ones they are, their label and way."""

    tail: int
    lane: int
    label: str
    back: bool = False
    against: bool = False


class Hop(NamedTuple):
    """The part of an edge inside one group: a net there and the member (or `EXIT`) it goes to."""

    group: int
    key: Key
    target: int


@dataclass(slots=True)
class Net:
    """A source and what it reaches within one level.

    Attributes:
        source: Box number, or `ENTRY`.
        targets: How many edges lead to each box number, or `EXIT`, in the order of the edges.
        label: Text to be placed on this level, or None.
        label_before: Whether it stands on the near side of the line rather than where labels usually do.
        twin: Whether a gradient runs back along it.
    """

    source: int
    targets: dict[int, int] = field(default_factory=dict)
    label: Text | None = None
    label_before: bool = False
    twin: bool = False


@dataclass(slots=True)
class Level:
    """The boxes directly inside one group (or at the top), and the nets among them."""

    members: list[int] = field(default_factory=list)
    nets: dict[Key, Net] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """A scene, cut up. Boxes are numbered as in `scene.boxes`; lengths run along the flow, breadths across it.

    Attributes:
        scene: What is laid out.
        parent: Group number of each box, or `ROOT`.
        levels: By group number; those that hold nothing are missing.
        length: Of each box; of groups once they are laid out.
        breadth: Likewise.
        entering: Offset from a box's middle at which a net enters it, by box and net; for groups once laid out.
        leaving: Likewise where it leaves.
        titled: Groups with their titles in place, by number; once laid out.
        computed: Boxes that some edge enters: what leaves them is no mere input.
        ends: Numbers of the boxes at the ends of every edge that is placed, by its number.
        hops: Likewise its parts from tail to head.
        turns: Columns that are laid out once for all of them.
        model_of: What a net that ends in a column, or leaves it, is in the model of all, by column and net.
    """

    scene: Scene
    parent: list[int]
    levels: dict[int, Level]
    length: list[float]
    breadth: list[float]
    entering: dict[tuple[int, Key], float] = field(default_factory=dict)
    leaving: dict[tuple[int, Key], float] = field(default_factory=dict)
    titled: dict[int, Box] = field(default_factory=dict)
    computed: set[int] = field(default_factory=set)
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    hops: dict[int, tuple[Hop, ...]] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    model_of: dict[tuple[int, Key], Key] = field(default_factory=dict)

    @property
    def across(self) -> bool:
        """Whether the flow runs from left to right."""
        return self.scene.direction == "LR"


def check(scene: Scene) -> None:
    """Refuses a scene that no engine could place.

    Raises:
        ValueError: An edge or a group refers to a box that is not there, or groups do not stand before their content.
    """
    before: set[str] = set()
    for box in scene.boxes:
        if box.group is not None and box.group not in before:
            raise ValueError(f"box {box.id!r} lies in group {box.group!r}, which does not stand before it")
        before.add(box.id)
    for edge in scene.edges:
        for end in (edge.tail, edge.head):
            if end not in before:
                raise ValueError(f"edge {edge.id!r} ends at box {end!r}, which is not there")


def cut(scene: Scene) -> Plan:
    """The levels of a scene that has been checked."""
    number = {box.id: index for index, box in enumerate(scene.boxes)}
    parent, levels = _nesting(scene, number)
    across = scene.direction == "LR"
    plan = Plan(
        scene=scene,
        parent=parent,
        levels=levels,
        length=[box.width if across else box.height for box in scene.boxes],
        breadth=[box.height if across else box.width for box in scene.boxes],
    )
    ends = plan.ends = _ends(scene, number)
    plan.computed.update(head for _, head in ends.values())
    turns = plan.turns = find(scene, parent, ends)
    keys = _keys(scene.edges, ends, turns)
    plan.model_of = _models(turns, ends, keys)
    _even(plan)
    _set_ports(plan, ends, keys)
    twins = {edge.twin for edge in scene.edges if edge.twin is not None}
    for index, (tail, head) in ends.items():
        edge = scene.edges[index]
        plan.hops[index] = _thread(plan, keys[index], tail, head, edge.label, edge.id in twins)
    return plan


def _even(plan: Plan) -> None:
    """Gives boxes at the same place in turns that are alike one size."""
    for sizes in (plan.length, plan.breadth):
        most: dict[int, float] = {}
        for box, model in plan.turns.model.items():
            most[model] = max(most.get(model, 0.0), sizes[box])
        for box, model in plan.turns.model.items():
            sizes[box] = most[model]


def spread(index: int, count: int, breadth: float) -> float:
    """Offset from the middle of a side for the `index`-th of `count` lines that share it."""
    if count < 2:
        return 0.0
    step = min(PORT_STEP, max(0.0, breadth - 2 * PORT_EDGE) / (count - 1))
    return (index - (count - 1) / 2) * step


def _nesting(scene: Scene, number: dict[str, int]) -> tuple[list[int], dict[int, Level]]:
    parent: list[int] = []
    levels: dict[int, Level] = {ROOT: Level()}
    for index, box in enumerate(scene.boxes):
        group = ROOT if box.group is None else number[box.group]
        parent.append(group)
        levels.setdefault(group, Level()).members.append(index)
    return parent, levels


def _ends(scene: Scene, number: dict[str, int]) -> dict[int, tuple[int, int]]:
    """Box numbers at the ends of every edge that is placed, by its number: gradients follow their twin instead."""
    placed = {edge.id for edge in scene.edges if edge.kind == "value"}
    ends: dict[int, tuple[int, int]] = {}
    for index, edge in enumerate(scene.edges):
        if edge.kind == "value" or edge.twin not in placed:
            ends[index] = (number[edge.tail], number[edge.head])
    return ends


def _keys(edges: Sequence[Edge], ends: dict[int, tuple[int, int]], turns: Turns) -> dict[int, Key]:
    """The net of every edge; the second of two parallel edges is another net, so both are seen.

    Edges without a label join those that have the only label at their tail: one of several readers may have it for all.
    Turns of a loop have their nets in common: what one of them says is said of all, and no two share a line in one
    that do not in another.
    """
    names = _names(edges, ends, turns)
    only: dict[tuple[str, int], str] = {}
    for index, (tail, _) in ends.items():
        if names[index] and not (edges[index].back or edges[index].against):
            for whose in (("tail", turns.place(tail)), ("share", turns.share.get(index, ROOT))):
                only[whose] = names[index] if only.get(whose, names[index]) == names[index] else ""
    lanes = _lanes(edges, ends, turns)
    leaving = {tail for index, (tail, _) in ends.items() if not edges[index].against}
    keys: dict[int, Key] = {}
    for index, (tail, _) in sorted(ends.items(), key=lambda item: (edges[item[0]].order, item[0])):
        back, against = edges[index].back, edges[index].against
        aside = int(against and tail in leaving)  # what comes back to a box ends beside what leaves it
        shared = only.get(("share", turns.share[index])) if index in turns.share else None
        label = names[index] or ("" if back or against else shared or only.get(("tail", turns.place(tail)), ""))
        keys[index] = Key(tail, lanes[index] + aside, label, back, against)
    return keys


def _names(edges: Sequence[Edge], ends: Mapping[int, tuple[int, int]], turns: Turns) -> dict[int, str]:
    """The label of every edge, if it is for one turn of a loop alone that it has it: what a turn says of its own."""
    said: dict[Use, str] = {}
    spoken: set[int] = set()
    for index, use in sorted(turns.use.items(), key=lambda item: ends[item[0]][0] not in turns.column):
        told = use in said and ends[index][0] not in turns.column
        said[use] = said.get(use) or ("" if told else _name(edges[index].label))
        spoken.update({turns.place(ends[index][0])} if said[use] else ())
    names = {index: said[turns.use[index]] if index in turns.use else _name(edges[index].label) for index in ends}
    led_out = {index for index, (tail, _) in ends.items() if index not in turns.use and tail in turns.column}
    return {index: "" if index in led_out and turns.place(ends[index][0]) in spoken else names[index] for index in ends}


def _lanes(edges: Sequence[Edge], ends: dict[int, tuple[int, int]], turns: Turns) -> dict[int, int]:
    """Which of the lines that leave a box each edge takes: those that are parallel, or not for one reader, differ."""
    shares: dict[tuple[int, int], list[int]] = {}  # of a box that several turns read from, and one of these
    parallel: dict[tuple[int, int], int] = {}
    spots: dict[int, tuple[int, int]] = {}
    taken: dict[int, set[tuple[int, int]]] = {}
    for index, pair in sorted(ends.items(), key=lambda item: (edges[item[0]].order, item[0])):
        others = shares.setdefault((pair[0], turns.column.get(pair[1], ROOT)), [])
        share = turns.share.get(index, ROOT)
        others += [] if share in others else [share]
        spots[index] = (others.index(share), parallel.get(pair, 0))
        parallel[pair] = parallel.get(pair, 0) + 1
        taken.setdefault(pair[0], set()).add(spots[index])
    lanes = {tail: {spot: lane for lane, spot in enumerate(sorted(found))} for tail, found in taken.items()}
    return {index: lanes[ends[index][0]][spot] for index, spot in spots.items()}


def _models(turns: Turns, ends: dict[int, tuple[int, int]], keys: Mapping[int, Key]) -> dict[tuple[int, Key], Key]:
    """What each net in a column is in the model of all columns, no two of them the same.

    Those that come in have a lane below 0: what the model hands on to another turn must not be taken for its own.
    """
    models: dict[Use, Key] = {}
    for index, use in turns.use.items():
        if turns.place(ends[index][1]) == ends[index][1]:
            models[use] = keys[index]._replace(lane=-1 - keys[index].lane)
    found: dict[tuple[int, Key], Key] = {}
    taken: set[tuple[int, Key]] = set()
    for index, (tail, head) in ends.items():
        for column in dict.fromkeys(turns.column[box] for box in (tail, head) if box in turns.column):
            key = keys[index]
            if (column, key) in found:
                continue
            model = key._replace(tail=turns.place(tail))
            if turns.column.get(tail) != column:
                model = models.setdefault(turns.use[index], key._replace(lane=-1 - key.lane))
            found[column, key] = key if (column, model) in taken else model
            taken.add((column, found[column, key]))
    return found


def _name(label: Text | None) -> str:
    return "" if label is None else f"{label.text}\n{label.subscript}{label.after}"


def _set_ports(plan: Plan, ends: dict[int, tuple[int, int]], keys: dict[int, Key]) -> None:
    """Edges enter in the order of the operands and leave from the middle, parallel ones beside each other."""
    arriving: dict[int, list[int]] = {}
    lanes: dict[int, int] = {}
    for index, (tail, head) in ends.items():
        arriving.setdefault(head, []).append(index)
        lanes[tail] = max(lanes.get(tail, 0), keys[index].lane + 1)
    for head, indices in arriving.items():
        indices.sort(key=lambda index: (plan.scene.edges[index].order, index))
        behind = _behind(plan, head, len(indices))
        for place, index in enumerate(indices):
            plan.entering[head, keys[index]] = spread(place, len(indices), plan.breadth[head] - behind) + behind / 2
    for index, (tail, _) in ends.items():
        behind = _behind(plan, tail, lanes[tail])
        plan.leaving[tail, keys[index]] = (
            spread(keys[index].lane, lanes[tail], plan.breadth[tail] - behind) - behind / 2
        )


def _behind(plan: Plan, box: int, lines: int) -> float:
    """How much of a side several lines must keep clear of: a stack has its front at one end, its rear at the other."""
    return STACK if lines > 1 and plan.scene.boxes[box].stacked else 0.0


def _thread(plan: Plan, key: Key, tail: int, head: int, label: Text | None, twin: bool) -> tuple[Hop, ...]:
    """Cuts one edge at the borders it crosses and enters its parts into the nets of those levels."""
    inside = set(_ancestors(plan.parent, tail))
    down = [head]
    while plan.parent[down[-1]] not in inside:
        down.append(plan.parent[down[-1]])
    common = plan.parent[down[-1]]
    hops: list[Hop] = []
    source = tail
    while plan.parent[source] != common:
        hops.append(_enter(plan, plan.parent[source], key, source, EXIT, twin))
        source = plan.parent[source]
    hops.append(_enter(plan, common, key, source, down[-1], twin))
    if label is not None:
        net = plan.levels[common].nets[key]
        net.label, net.label_before = label, plan.across or plan.leaving[tail, key] < 0
    for group, target in zip(reversed(down[1:]), reversed(down[:-1]), strict=True):
        hops.append(_enter(plan, group, key, ENTRY, target, twin))
    return tuple(hops)


def _ancestors(parent: list[int], box: int) -> list[int]:
    chain = []
    while box != ROOT:
        box = parent[box]
        chain.append(box)
    return chain


def _enter(plan: Plan, group: int, key: Key, source: int, target: int, twin: bool) -> Hop:
    net = plan.levels[group].nets.setdefault(key, Net(source))
    net.targets[target] = net.targets.get(target, 0) + 1
    net.twin = net.twin or twin
    return Hop(group, key, target)
