"""Orders the nodes within each rank so that few segments cross, and otherwise as in the author's code."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from render.layout.sheet import End, Sheet

SWEEPS: Final = 12  # down and up by turns; fewer on big sheets
PATIENCE: Final = 4  # sweeps without a gain
LARGE: Final = 4000  # segments, from which on fewer sweeps must do
CROWDED: Final = 400  # nodes in one layer, beyond which neighbours are no longer exchanged


def arrange(sheet: Sheet) -> None:
    """Orders `sheet.layers` in place.

    Weighted medians and exchanges of neighbours by turns (Gansner et al., A Technique for Drawing Directed Graphs,
    1993). The start is a walk from the results back through the operands in their order, which draws any expression
    that is a tree without a crossing and as it is written; where crossings are left, a walk from the inputs is tried.
    """
    _start(sheet, backwards=True)
    if all(len(layer) < 2 for layer in sheet.layers):
        return
    best, fewest = _improved(sheet)
    if fewest:
        _start(sheet, backwards=False)
        other, crossings = _improved(sheet)
        best = other if crossings < fewest else best
    sheet.layers = best


def _improved(sheet: Sheet) -> tuple[list[list[int]], int]:
    """The best order that sweeps lead to from the present one, and its crossings."""
    sweeps = SWEEPS if sum(len(ends) for ends in sheet.down) < LARGE else 4
    spot = _spots(sheet)
    best, fewest = [list(layer) for layer in sheet.layers], _crossings(sheet, spot)
    stale = 0
    for sweep in range(sweeps):
        if not fewest or stale == PATIENCE:
            break
        _sweep(sheet, spot, downwards=sweep % 2 == 0)
        _exchange(sheet, spot)
        crossings = _crossings(sheet, spot)
        stale += 1
        if crossings < fewest:
            best, fewest, stale = [list(layer) for layer in sheet.layers], crossings, 0
    return best, fewest


def _start(sheet: Sheet, *, backwards: bool) -> None:
    """Layers in the order of a walk from the results back through the operands, or from the inputs on."""
    layers: list[list[int]] = [[] for _ in sheet.layers]
    seen = bytearray(len(sheet.rank))
    ahead, behind = (sheet.up, sheet.down) if backwards else (sheet.down, sheet.up)
    roots = [node for node, ends in enumerate(behind) if not ends]
    roots.sort(key=lambda node: (sheet.order[node], node))
    for root in (*roots, *range(len(sheet.rank))):
        stack = [root]
        while stack:
            node = stack.pop()
            if seen[node]:
                continue
            seen[node] = 1
            layers[sheet.rank[node]].append(node)
            stack.extend(end.node for end in sorted(ahead[node], key=lambda end: end.here, reverse=True))
    sheet.layers = layers


def _spots(sheet: Sheet) -> list[float]:
    spot = [0.0] * len(sheet.rank)
    for layer in sheet.layers:
        for place, node in enumerate(layer):
            spot[node] = float(place)
    return spot


def _fraction(sheet: Sheet, node: int, offset: float) -> float:
    """How far a port lies from the middle of its node, in places of the order (less than half of one)."""
    size = sheet.above[node] + sheet.below[node]
    return offset / (size + 1.0) * 0.9


def _crossings(sheet: Sheet, spot: list[float]) -> int:
    return sum(_crossings_after(sheet, layer, spot) for layer in sheet.layers)


def _crossings_after(sheet: Sheet, layer: list[int], spot: list[float]) -> int:
    """Crossings between a layer and the next, by inserting the far ends in the order of the near ones."""
    pairs = [
        (spot[node] + _fraction(sheet, node, end.here), spot[end.node] + _fraction(sheet, end.node, end.there))
        for node in layer
        for end in sheet.down[node]
    ]
    pairs.sort()
    seen: list[float] = []
    total = 0
    for _, far in pairs:
        place = bisect_right(seen, far)
        total += len(seen) - place
        seen.insert(place, far)
    return total


def _sweep(sheet: Sheet, spot: list[float], *, downwards: bool) -> None:
    """Sorts every layer by the medians of its neighbours in the layer just sorted; nodes without any stay."""
    layers = sheet.layers if downwards else sheet.layers[::-1]
    ends = sheet.up if downwards else sheet.down
    for layer in layers[1:]:
        if len(layer) < 2:
            continue
        medians = [_median(sheet, ends[node], spot) for node in layer]
        movable = sorted(
            (median, place) for place, median in enumerate(medians) if median >= 0
        )  # ties keep the order they have
        moved = iter([layer[place] for _, place in movable])
        layer[:] = [node if median < 0 else next(moved) for node, median in zip(layer, medians, strict=True)]
        for place, node in enumerate(layer):
            spot[node] = float(place)


def _median(sheet: Sheet, ends: list[End], spot: list[float]) -> float:
    """The weighted median of Gansner et al.; -1 without neighbours. The port at this end breaks near-ties."""
    if not ends:
        return -1.0
    at = sorted(spot[end.node] + _fraction(sheet, end.node, end.there) + 0.5 for end in ends)
    middle, odd = divmod(len(at), 2)
    if odd:
        return at[middle]
    if len(at) == 2:
        return (at[0] + at[1]) / 2
    left, right = at[middle - 1] - at[0], at[-1] - at[middle]
    if left + right == 0:
        return (at[middle - 1] + at[middle]) / 2
    return (at[middle - 1] * right + at[middle] * left) / (left + right)


def _exchange(sheet: Sheet, spot: list[float]) -> None:
    """Exchanges neighbours for as long as that removes crossings."""
    for _ in range(4):
        gained = False
        for layer in sheet.layers:
            if 1 < len(layer) <= CROWDED:
                gained |= _exchange_in(sheet, layer, spot)
        if not gained:
            return


def _exchange_in(sheet: Sheet, layer: list[int], spot: list[float]) -> bool:
    far = {
        node: [
            sorted(spot[end.node] + _fraction(sheet, end.node, end.there) for end in ends[node])
            for ends in (sheet.up, sheet.down)
        ]
        for node in layer
    }
    gained = False
    for place in range(len(layer) - 1):
        left, right = layer[place], layer[place + 1]
        gain = 0
        for ours, theirs in zip(far[left], far[right], strict=True):
            gain += _inversions(ours, theirs) - _inversions(theirs, ours)
        if gain > 0:
            layer[place], layer[place + 1] = right, left
            gained = True
    for place, node in enumerate(layer):
        spot[node] = float(place)
    return gained


def _inversions(left: list[float], right: list[float]) -> int:
    """How many pairs of ends cross while the node of `left` stands before that of `right`; both sorted."""
    total = place = 0
    for at in left:
        while place < len(right) and right[place] < at:
            place += 1
        total += place
    return total
