"""Stretches one level over ranks: every edge becomes a chain of segments between neighbouring ranks.

The nodes in between are dummies. The edges of a net share one chain, which they leave where their reader comes up,
so the number of dummies grows with the length of nets and not with the number of readers. Labels are dummies with
a size of their own, so they take part in everything and nothing can come to lie upon them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.levels import ENTRY, EXIT
from render.layout.ranks import back_edges, rank
from render.layout.tall import closed_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from render.layout.levels import Key, Net, Plan

LABEL_GAP: Final = 3.0  # between a line and its label
LABEL_ENDS: Final = 4.0  # free at both ends of a label, along the line
LINE_HEIGHT: Final = 1.2
TWIN: Final = 4.5  # how far a value and its gradient are moved apart, each


class End(NamedTuple):
    """Where a segment ends in the rank before or after: the node, and the offsets from the middles of both nodes."""

    node: int
    here: float
    there: float


class Chain(NamedTuple):
    """The nodes of a net on its way to one target: the first `passed` of the trunk all targets share, and `end`."""

    trunk: list[int]
    passed: int
    end: int


@dataclass(slots=True)
class Sheet:
    """A proper layered graph; nodes are numbered, boxes first.

    Attributes:
        boxes: Box number by node, for the first nodes; the others are dummies.
        order: By node: where it stands in the author's code.
        rank: By node.
        length: By node, along the flow.
        above: By node: what it needs on the near side of its line, across the flow.
        below: By node: likewise on the far side.
        open: By node: whether it is a group with an inside of its own, so that lines go on behind its border.
        solid: By node: whether it is a box, or part of one, and no line.
        tall: The nodes of each group that spans several ranks, by the first of them.
        up: By node: segments from the rank before.
        down: By node: segments to the rank after.
        layers: Nodes by rank, in the order across the flow.
        entered: Terminals at which something computed outside comes in.
        terminals: Nodes on the border at which nets enter and leave, by (net, `ENTRY` or `EXIT`).
        labels: The node that holds the label of a net.
        chains: The way of a net to each target, by (net, target).
        turned: Those of `chains` that run against the flow.
    """

    boxes: list[int]
    order: list[int]
    rank: list[int]
    length: list[float]
    above: list[float]
    below: list[float]
    open: list[bool]
    solid: list[bool]
    up: list[list[End]]
    down: list[list[End]]
    layers: list[list[int]] = field(default_factory=list)
    tall: dict[int, list[int]] = field(default_factory=dict)
    entered: list[int] = field(default_factory=list)
    terminals: dict[tuple[Key, int], int] = field(default_factory=dict)
    labels: dict[Key, int] = field(default_factory=dict)
    chains: dict[tuple[Key, int], Chain] = field(default_factory=dict)
    turned: set[tuple[Key, int]] = field(default_factory=set)

    def add(self, rank: int, order: int, half: float) -> int:
        """A new dummy that keeps `half` free on both sides of its line."""
        self.order.append(order)
        self.rank.append(rank)
        self.length.append(0.0)
        self.above.append(half)
        self.below.append(half)
        self.open.append(False)
        self.solid.append(False)
        self.up.append([])
        self.down.append([])
        return len(self.rank) - 1

    def link(self, tail: int, head: int, leaving: float = 0.0, entering: float = 0.0) -> None:
        """A segment from `tail` to `head`, which is one rank further."""
        self.down[tail].append(End(head, leaving, entering))
        self.up[head].append(End(tail, entering, leaving))

    def foot(self, node: int) -> int:
        """The node of a box that lines leave: the last of those of a group that spans several ranks."""
        return self.tall[node][-1] if node in self.tall else node


def stretch(plan: Plan, members: Sequence[int], nets: dict[Key, Net], span: Sequence[int]) -> Sheet:
    """The layered graph of `members`, which fill so many ranks, and of the `nets` among them; not yet ordered."""
    node = {box: index for index, box in enumerate(members)}
    edges, turned = _directed(node, nets)
    ranks = rank(len(members), edges, *_across(node, nets), late=plan.scene.late, span=span)
    ranks, last_ranks = _with_room_for_labels(*closed_up(ranks, span), node, nets, turned)
    sheet = Sheet(
        boxes=list(members),
        order=[plan.scene.boxes[box].order for box in members],
        rank=ranks,
        length=[plan.length[box] for box in members],
        above=[plan.breadth[box] / 2 for box in members],
        below=[plan.breadth[box] / 2 for box in members],
        open=[box in plan.levels for box in members],
        solid=[True] * len(members),
        up=[[] for _ in members],
        down=[[] for _ in members],
        turned=turned,
    )
    for each, end in enumerate(last_ranks):
        if end > ranks[each]:
            _lay_tall(sheet, each, end)
    last = max(last_ranks, default=-1)
    last += any(_labelled_on_its_way_out(net) and last_ranks[node[net.source]] == last for net in nets.values())
    for key, net in nets.items():
        _lay_trunk(plan, sheet, node, key, net, last)
        for target in net.targets:
            if (key, target) in turned:
                _lay_turned(plan, sheet, node, key, net, target)
        if net.label is not None:
            _hold_label(plan, sheet, key, net)
    first = min(sheet.rank, default=0)
    sheet.rank = [each - first for each in sheet.rank]
    sheet.layers = [[] for _ in range(max(sheet.rank, default=-1) + 1)]
    for each, where in enumerate(sheet.rank):
        sheet.layers[where].append(each)
    return sheet


def _lay_tall(sheet: Sheet, node: int, last: int) -> None:
    """Nodes as broad as a group in the further ranks that it spans."""
    nodes = sheet.tall[node] = [node]
    while sheet.rank[nodes[-1]] < last:
        part = sheet.add(sheet.rank[nodes[-1]] + 1, sheet.order[node], sheet.above[node])
        sheet.open[part] = sheet.solid[part] = True
        sheet.link(nodes[-1], part)
        nodes.append(part)


def _directed(node: dict[int, int], nets: dict[Key, Net]) -> tuple[dict[tuple[int, int], int], set[tuple[Key, int]]]:
    """Pairs of nodes in the direction of the ranks, and which parts of nets run against it.

    Edges flagged as leading back do so, unless another way leads forward from their tail to their head.

    Returns:
        How many edges lead from one node to another, by both; and those that are turned round.
    """
    pairs: dict[tuple[int, int], dict[tuple[Key, int], int]] = {}
    flagged: dict[tuple[int, int], dict[tuple[Key, int], int]] = {}
    for key, net in nets.items():
        if net.source >= 0:
            for target, count in net.targets.items():
                if target >= 0:
                    kind = flagged if key.back else pairs
                    kind.setdefault((node[net.source], node[target]), {})[key, target] = count
    edges = list(pairs)
    back = back_edges(len(node), edges)
    turned = {part for index in back for part in pairs[edges[index]]}
    forward = {edge: sum(pairs[edge].values()) for index, edge in enumerate(edges) if index not in back}
    # A turned edge still keeps its ends in different ranks, so that it can be seen to lead back.
    forward.update({(head, tail): 1 for tail, head in (edges[index] for index in sorted(back)) if tail != head})
    for (tail, head), parts in flagged.items():
        if tail == head or not _leads(forward, tail, head):
            turned.update(parts)
            forward.update({(head, tail): 1} if tail != head else {})
        else:
            forward[tail, head] = forward.get((tail, head), 0) + sum(parts.values())
    return forward, turned


def _across(node: dict[int, int], nets: dict[Key, Net]) -> tuple[dict[int, int], dict[int, int]]:
    """How many edges come to each node across the border, and how many leave from it."""
    entered: dict[int, int] = {}
    left: dict[int, int] = {}
    for net in nets.values():
        if net.source == ENTRY:
            for target, count in net.targets.items():
                if target >= 0:
                    entered[node[target]] = entered.get(node[target], 0) + count
        elif EXIT in net.targets:
            left[node[net.source]] = left.get(node[net.source], 0) + net.targets[EXIT]
    return entered, left


def _leads(edges: Iterable[tuple[int, int]], tail: int, head: int) -> bool:
    """Whether some way leads from `tail` to `head`."""
    out: dict[int, list[int]] = {}
    for one, other in edges:
        out.setdefault(one, []).append(other)
    met, stack = {tail}, [tail]
    while stack:
        for each in out.get(stack.pop(), ()):
            if each not in met:
                met.add(each)
                stack.append(each)
    return head in met


def _labelled_on_its_way_out(net: Net) -> bool:
    """Whether a net bears its label although it only leaves: it goes on in the next column."""
    return net.label is not None and list(net.targets) == [EXIT]


def _with_room_for_labels(
    first: list[int], last: list[int], node: dict[int, int], nets: dict[Key, Net], turned: set[tuple[Key, int]]
) -> tuple[list[int], list[int]]:
    """The ranks with one more behind each in which a net starts whose label has no rank in between to lie in."""
    wanted: set[int] = set()
    for key, net in nets.items():
        if net.label is None:
            continue
        start = last[node[net.source]]
        steps = [first[node[each]] - start for each in net.targets if each >= 0 and (key, each) not in turned]
        if min(steps, default=2) < 2:
            wanted.add(start)
    added, shift = 0, []
    for each in range(max(last, default=-1) + 1):
        shift.append(each + added)
        added += each in wanted
    return [shift[each] for each in first], [shift[each] for each in last]


def _lay_trunk(plan: Plan, sheet: Sheet, node: dict[int, int], key: Key, net: Net, last: int) -> None:
    """One chain of dummies for all readers of a net that lie ahead."""
    half = TWIN if net.twin else 0.0
    order = plan.scene.boxes[key.tail].order
    ahead = [target for target in net.targets if (key, target) not in sheet.turned]
    if not ahead:
        return
    if net.source == ENTRY:
        start = sheet.terminals[key, ENTRY] = sheet.add(-1, order, half)
        leaving = 0.0
        if key.tail in plan.computed:
            sheet.entered.append(start)
    else:
        start = sheet.foot(node[net.source])
        leaving = plan.leaving[net.source, key]
    ends = {}
    for target in ahead:
        if target == EXIT:
            ends[target] = sheet.terminals[key, EXIT] = sheet.add(last + 1, order, half)
        else:
            ends[target] = node[target]
    trunk = [start]
    for target in sorted(ahead, key=lambda each: sheet.rank[ends[each]]):
        while sheet.rank[trunk[-1]] < sheet.rank[ends[target]] - 1:
            dummy = sheet.add(sheet.rank[trunk[-1]] + 1, order, half)
            sheet.link(trunk[-1], dummy, leaving if len(trunk) == 1 else 0.0)
            trunk.append(dummy)
        entering = 0.0 if target == EXIT else plan.entering[target, key]
        sheet.link(trunk[-1], ends[target], leaving if len(trunk) == 1 else 0.0, entering)
        sheet.chains[key, target] = Chain(trunk, len(trunk), ends[target])


def _lay_turned(plan: Plan, sheet: Sheet, node: dict[int, int], key: Key, net: Net, target: int) -> None:
    """A chain of dummies beside the boxes it passes on its way back, with a turn at either end."""
    half = TWIN if net.twin else 0.0
    order = plan.scene.boxes[key.tail].order
    tail, head = sheet.foot(node[net.source]), node[target]
    high, low = sheet.rank[tail], sheet.rank[head]
    chain = [sheet.add(each, order, half) for each in range(high, low - 1, -1)]
    turns = (sheet.add(high + 1, order, half), sheet.add(low - 1, order, half))
    sheet.link(tail, turns[0], plan.leaving[net.source, key])
    sheet.link(chain[0], turns[0])
    for near, far in pairwise(chain):
        sheet.link(far, near)
    sheet.link(turns[1], chain[-1])
    sheet.link(turns[1], head, 0.0, plan.entering[target, key])
    sheet.chains[key, target] = Chain([tail, *chain], len(chain) + 1, head)


def _hold_label(plan: Plan, sheet: Sheet, key: Key, net: Net) -> None:
    """Makes a dummy of the net so large that its label fits beside the line."""
    assert net.label is not None
    targets = [target for target in net.targets if target != EXIT] or [EXIT]
    ahead = [target for target in targets if (key, target) not in sheet.turned]
    if ahead:
        chain = min((sheet.chains[key, target] for target in ahead), key=lambda each: each.passed)
    else:
        chain = sheet.chains[key, targets[0]]
    holder = sheet.labels[key] = chain.trunk[max(1, chain.passed // 2)]
    sheet.length[holder] = 2 * LABEL_ENDS + (net.label.width if plan.across else net.label.size * LINE_HEIGHT)
    above, below = label_room(plan, net)
    sheet.above[holder] += above
    sheet.below[holder] += below


def label_room(plan: Plan, net: Net) -> tuple[float, float]:
    """What the label of a net needs on the near and on the far side of its line, across the flow."""
    if net.label is None:
        return 0.0, 0.0
    breadth = LABEL_GAP + (net.label.size * LINE_HEIGHT if plan.across else net.label.width)
    return (breadth, 0.0) if net.label_before else (0.0, breadth)
