"""Places the ordered nodes of a layered graph across the flow, chains as straight lines and joints in the middle."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.ranks import FEW
from render.layout.sheet import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from render.layout.levels import Key
    from render.layout.sheet import Sheet

BOX_GAP: Final = 24.0  # between two boxes
LINE_GAP: Final = 14.0  # between a box and a line beside it
LANE_GAP: Final = 12.0  # between two lines
CHAIN: Final = 2  # boxes that a value must have passed for its chain to be kept straighter than others
NEARLY: Final = 20.0  # a segment that climbs no more than this is made straight where that costs nothing


class _View(NamedTuple):
    """A layered graph as seen from one of its four corners, so that one procedure serves all."""

    layers: list[list[int]]
    spot: list[int]
    ends: list[list[End]]  # segments to the layer before
    above: list[float]
    below: list[float]
    sign: float  # of offsets


def place(sheet: Sheet) -> list[float]:
    """Positions of the nodes' lines across the flow; they may be negative.

    Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment, 2001, with ports as in Rüegg et al. (Size- and
    Port-Aware Horizontal Node Coordinate Assignment, 2015) and with compaction by longest paths over whole blocks:
    four layouts, each flush with one corner, and for every node the mean of the two in the middle.
    """
    ups, downs = _spine(sheet)
    barred = _conflicts(sheet) | _aside(sheet, ups, downs)
    layouts: list[tuple[list[float], bool]] = []
    for upwards in (False, True):
        for mirrored in (False, True):
            view = _view(sheet, downs if upwards else ups, upwards=upwards, mirrored=mirrored)
            at = _compact(view, *_blocks(view, barred), _is_dummy(sheet))
            layouts.append(([-each for each in at], True) if mirrored else (at, False))
    at = _balance(sheet, layouts)
    _straighten(sheet, *_spine(sheet, every_port=True), at)
    return at


def gap(near_is_line: bool, far_is_line: bool) -> float:
    """The least distance between two neighbours in a layer."""
    if near_is_line and far_is_line:
        return LANE_GAP
    return LINE_GAP if near_is_line or far_is_line else BOX_GAP


def _is_dummy(sheet: Sheet) -> Callable[[int], bool]:
    return lambda node: not sheet.solid[node]


def _spine(sheet: Sheet, *, every_port: bool = False) -> tuple[list[list[End]], list[list[End]]]:
    """Segments, up and down, that may be drawn straight: what is computed rather than what is only read.

    Where a node reads both, the chain of computation runs straight through it and its weights stand beside. Boxes
    are lined up by their middles and groups by their ports, for what crosses a border must not jump there. A group
    stands in line with what has come the longest way, the block before it, and not with a mask that is read beside.

    Args:
        sheet: Whose segments they are.
        every_port: Whether what a group only reads counts as well.
    """
    depth, reach = _depths(sheet), _reaches(sheet)
    ups: list[list[End]] = []
    downs: list[list[End]] = [[] for _ in sheet.rank]
    for node, ends in enumerate(sheet.up):
        computed = [end for end in ends if depth[end.node] >= CHAIN or (every_port and sheet.open[node])]
        if sheet.open[node] and len(computed) > 1 and not every_port:
            furthest = max(reach[end.node] for end in computed)
            computed = [end for end in computed if reach[end.node] > furthest - NEARLY]
        kept = [
            End(end.node, end.here if sheet.open[node] else 0.0, end.there if sheet.open[end.node] else 0.0)
            for end in computed or ends
        ]
        ups.append(kept)
        for end in kept:
            downs[end.node].append(End(node, end.there, end.here))
    return ups, downs


def _depths(sheet: Sheet) -> list[int]:
    """By node, how many boxes at most a value has passed before it comes there.

    What is read all over (the rows of an input, one for each step) begins anew at each reader, or the chain of steps
    would move aside at every step to meet it in the middle.
    """
    boxes = len(sheet.boxes)
    depth = [0] * len(sheet.rank)
    for node in sheet.entered:
        depth[node] = CHAIN
    hubs = _hubs(sheet)
    for layer in sheet.layers:
        for node in layer:
            for end in sheet.up[node]:
                passed = 0 if end.node in hubs and node < boxes else depth[end.node]
                depth[node] = max(depth[node], passed + (node < boxes))
    return depth


def _reaches(sheet: Sheet) -> list[float]:
    """By node, how long the boxes are that a value has passed when it leaves it."""
    reach = [0.0] * len(sheet.rank)
    for layer in sheet.layers:
        for node in layer:
            reach[node] = max((reach[end.node] for end in sheet.up[node]), default=0.0)
            if node < len(sheet.boxes):
                reach[node] += sheet.length[node]
    return reach


def _hubs(sheet: Sheet) -> set[int]:
    """Nodes that a net with many targets runs along."""
    readers: dict[Key, int] = {}
    for key, _ in sheet.chains:
        readers[key] = readers.get(key, 0) + 1
    return {node for (key, _), chain in sheet.chains.items() if readers[key] > FEW for node in chain.trunk}


def _conflicts(sheet: Sheet) -> set[tuple[int, int]]:
    """Segments that cross one between two dummies: long edges are kept straight at the others' expense."""
    boxes = len(sheet.boxes)
    spot = {node: place for layer in sheet.layers for place, node in enumerate(layer)}
    barred: set[tuple[int, int]] = set()
    for upper, lower in pairwise(sheet.layers):
        low, scanned = -1, 0
        for place, node in enumerate(lower):
            inner = next((spot[end.node] for end in sheet.up[node] if end.node >= boxes and sheet.up[end.node]), None)
            inner = inner if node >= boxes and sheet.down[node] else None
            if inner is None and place < len(lower) - 1:
                continue
            high = len(upper) if inner is None else inner
            for other in lower[scanned : place + 1]:
                for end in sheet.up[other]:
                    if not low <= spot[end.node] <= high:
                        barred.add((end.node, other))
            low, scanned = high, place + 1
    return barred


def _aside(sheet: Sheet, ups: list[list[End]], downs: list[list[End]]) -> set[tuple[int, int]]:
    """Segments that are not in the middle of those at one of their ends: it is the middle ones that run straight."""
    boxes = len(sheet.boxes)
    spot = {node: place for layer in sheet.layers for place, node in enumerate(layer)}
    barred: set[tuple[int, int]] = set()
    for node in range(len(sheet.rank)):
        for ends, upwards in ((ups[node], True), (downs[node], False)):
            if len(ends) < 3:
                continue
            ends = sorted(ends, key=lambda end: (spot[end.node], end.there))
            for place, end in enumerate(ends):
                long = node >= boxes and end.node >= boxes
                if place not in ((len(ends) - 1) // 2, len(ends) // 2) and not long:
                    barred.add((end.node, node) if upwards else (node, end.node))
    return barred


def _view(sheet: Sheet, straight: list[list[End]], *, upwards: bool, mirrored: bool) -> _View:
    layers = sheet.layers[::-1] if upwards else sheet.layers
    if mirrored:
        layers = [layer[::-1] for layer in layers]
    spot = [0] * len(sheet.rank)
    for layer in layers:
        for place, node in enumerate(layer):
            spot[node] = place
    sign = -1.0 if mirrored else 1.0
    ends = [sorted(some, key=lambda end: (spot[end.node], sign * end.there)) for some in straight]
    above, below = (sheet.below, sheet.above) if mirrored else (sheet.above, sheet.below)
    return _View(layers, spot, ends, above, below, sign)


def _blocks(view: _View, barred: set[tuple[int, int]]) -> tuple[list[int], list[float]]:
    """Joins nodes into straight blocks along medians: the first node of each one's block, and its offset from that."""
    root = list(range(len(view.spot)))
    shift = [0.0] * len(root)
    for layer in view.layers[1:]:
        taken = -1
        for node in layer:
            ends = view.ends[node]
            for middle in sorted({(len(ends) - 1) // 2, len(ends) // 2}) if ends else ():
                end = ends[middle]
                crossed = (end.node, node) in barred or (node, end.node) in barred
                if not crossed and taken < view.spot[end.node]:
                    root[node] = root[end.node]
                    shift[node] = shift[end.node] + view.sign * (end.there - end.here)
                    taken = view.spot[end.node]
                    break
    return root, shift


def _compact(view: _View, root: list[int], shift: list[float], is_line: Callable[[int], bool]) -> list[float]:
    """Positions of all nodes: blocks as near to the first side as they can be, then next to what follows them."""
    after: list[list[tuple[int, float]]] = [[] for _ in root]
    waiting = [0] * len(root)
    for layer in view.layers:
        for near, far in pairwise(layer):
            apart = view.below[near] + gap(is_line(near), is_line(far)) + view.above[far]
            after[root[near]].append((root[far], apart + shift[near] - shift[far]))
            waiting[root[far]] += 1
    queue = [node for node, first in enumerate(root) if first == node and not waiting[node]]
    at = [0.0] * len(root)
    for block in queue:
        for other, apart in after[block]:
            at[other] = max(at[other], at[block] + apart)
            waiting[other] -= 1
            if not waiting[other]:
                queue.append(other)
    for block in reversed(queue):
        if after[block]:
            at[block] = max(at[block], min(at[other] - apart for other, apart in after[block]))
    return [at[first] + moved for first, moved in zip(root, shift, strict=True)]


def _balance(sheet: Sheet, layouts: list[tuple[list[float], bool]]) -> list[float]:
    """The mean of the two middle positions, once the layouts are lined up with the narrowest."""
    if not sheet.rank:
        return []
    sides = [
        (
            min(each - above for each, above in zip(at, sheet.above, strict=True)),
            max(each + below for each, below in zip(at, sheet.below, strict=True)),
        )
        for at, _ in layouts
    ]
    left, right = min(sides, key=lambda side: side[1] - side[0])
    moved = []
    for (at, mirrored), (near, far) in zip(layouts, sides, strict=True):
        by = right - far if mirrored else left - near
        moved.append([each + by for each in at])
    return [sum(sorted(four)[1:3]) / 2 for four in zip(*moved, strict=True)]


def _straighten(sheet: Sheet, ups: list[list[End]], downs: list[list[End]], at: list[float]) -> None:
    """Moves straight blocks a little, in place, where a segment that is nearly straight becomes so.

    Only where segments climb no more in sum; and a joint in the middle between two operands stays there.
    """
    spot = {node: place for layer in sheet.layers for place, node in enumerate(layer)}
    for block in _straight_blocks(ups, at):
        mine = set(block)
        climbs = [
            at[end.node] + end.there - at[node] - end.here
            for node in block
            for ends in (ups[node], downs[node])
            for end in ends
            if end.node not in mine
        ]
        low, high = _freedom(sheet, spot, block, at)
        reach = NEARLY if any(node < len(sheet.boxes) for node in block) else float("inf")  # a line may go anywhere
        total = sum(map(abs, climbs))
        best = 0.0
        for move in sorted({climb for climb in climbs if abs(climb) <= reach and low <= climb <= high}, key=abs):
            after = sum(abs(climb - move) for climb in climbs)
            centred = any(abs(climb + move) < 1 for climb in climbs)
            if after < total - 0.5 or (after < total + 0.01 and not best and not centred):
                best, total = move, after
        if best:
            for node in block:
                at[node] += best


def _straight_blocks(ups: list[list[End]], at: list[float]) -> list[list[int]]:
    """Nodes joined by straight segments."""
    leader = list(range(len(at)))

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for node, ends in enumerate(ups):
        for end in ends:
            if abs(at[end.node] + end.there - at[node] - end.here) < 0.5:
                one, other = sorted((find(node), find(end.node)))
                leader[other] = one
    blocks: dict[int, list[int]] = {}
    for node in range(len(at)):
        blocks.setdefault(find(node), []).append(node)
    return list(blocks.values())


def _freedom(sheet: Sheet, spot: dict[int, int], block: list[int], at: list[float]) -> tuple[float, float]:
    """How far a block can move either way before it meets a neighbour."""
    solid, mine = sheet.solid, set(block)
    low, high = float("-inf"), float("inf")
    for node in block:
        layer, place = sheet.layers[sheet.rank[node]], spot[node]
        if place and layer[place - 1] not in mine:
            near = layer[place - 1]
            apart = sheet.below[near] + gap(not solid[near], not solid[node]) + sheet.above[node]
            low = max(low, at[near] + apart - at[node])
        if place + 1 < len(layer) and layer[place + 1] not in mine:
            far = layer[place + 1]
            apart = sheet.below[node] + gap(not solid[node], not solid[far]) + sheet.above[far]
            high = min(high, at[far] - apart - at[node])
    return min(low, 0.0), max(high, 0.0)
