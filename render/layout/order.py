"""Orders the nodes within each rank so that few segments cross, and otherwise as in the author's code."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TypeAlias

    from render.layout.sheet import Sheet

    _Segment: TypeAlias = tuple[int, float, float]

SOLID: Final = 9  # crossings that a line through a group counts for
SWEEPS: Final = 12  # down and up by turns
FEWER: Final = 4  # on big sheets
ROUNDS: Final = 4  # of exchanges after each sweep
PATIENCE: Final = 4  # sweeps without a gain
LARGE: Final = 4000  # segments of a big sheet
CROWDED: Final = 400  # nodes in one layer, beyond which neighbours are no longer exchanged


def arrange(sheet: Sheet) -> None:
    """Orders `sheet.layers` in place.

    Weighted medians and exchanges of neighbours by turns (Gansner et al., A Technique for Drawing Directed Graphs,
    1993). The start is a walk from the results back through the operands in their order, which draws any expression
    that is a tree without a crossing and as it is written; where crossings are left, a walk from the inputs is tried.
    """
    order = _Order(sheet, _walk(sheet, backwards=True))
    if all(len(layer) < 2 for layer in order.layers):
        sheet.layers = order.layers
        return
    best, fewest = order.improved()
    if fewest:
        other, crossings = _Order(sheet, _walk(sheet, backwards=False)).improved()
        best = other if crossings < fewest else best
    sheet.layers = best


def _walk(sheet: Sheet, *, backwards: bool) -> list[list[int]]:
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
            ends = ahead[node]
            if len(ends) > 1:
                ends = sorted(ends, key=lambda end: end.here, reverse=True)
            stack.extend(end.node for end in ends)
    return layers


class _Order:
    """An order of the layers that gets better; what has not changed since it was looked at is not looked at again.

    Attributes:
        layers: The order.
        spot: Place of each node in its layer.
        ends: Segments by node, up (0) and down (1): the other node, and where in the places of the order (offsets from
            the middles of their nodes, less than half a place) the segment ends here and there.
        version: By layer, how often its order has changed.
        crossed: Crossings between each layer and the next.
    """

    def __init__(self, sheet: Sheet, layers: list[list[int]]) -> None:
        self.layers = layers
        self.spot = [0] * len(sheet.rank)
        for layer in layers:
            for place, node in enumerate(layer):
                self.spot[node] = place
        share = [0.9 / (above + below + 1.0) for above, below in zip(sheet.above, sheet.below, strict=True)]
        self.ends = [
            [
                [(end.node, end.here * share[node], end.there * share[end.node]) for end in ends]
                for node, ends in enumerate(side)
            ]
            for side in (sheet.up, sheet.down)
        ]
        for nodes in sheet.tall.values():
            for here, there in pairwise(nodes):  # no line is to come between the two
                self.ends[1][here] *= SOLID
                self.ends[0][there] *= SOLID
        self.version = [0] * len(layers)
        self.crossed = [self._crossings(index) for index in range(len(layers))]
        self.swept = [[(-1, -1)] * len(layers) for _ in (0, 1)]
        self.exchanged = [(-1, -1, -1)] * len(layers)
        self.sweeps = SWEEPS if sum(map(len, sheet.down)) < LARGE else FEWER

    def improved(self) -> tuple[list[list[int]], int]:
        """The best order that sweeps lead to from the present one, and its crossings."""
        best, fewest = [list(layer) for layer in self.layers], sum(self.crossed)
        stale = 0
        for sweep in range(self.sweeps):
            if not fewest or stale == PATIENCE:
                break
            self._sweep(sweep % 2)
            self._exchange()
            crossings = sum(self.crossed)
            stale += 1
            if crossings < fewest:
                best, fewest, stale = [list(layer) for layer in self.layers], crossings, 0
        return best, fewest

    def _reorder(self, index: int, layer: list[int]) -> None:
        """Puts a layer in another order."""
        self.layers[index] = layer
        for place, node in enumerate(layer):
            self.spot[node] = place
        self.version[index] += 1
        self.crossed[index] = self._crossings(index)
        if index:
            self.crossed[index - 1] = self._crossings(index - 1)

    def _crossings(self, index: int) -> int:
        """Crossings between a layer and the next, by inserting the far ends in the order of the near ones."""
        spot, down = self.spot, self.ends[1]
        pairs = [
            (place + here, spot[other] + there)
            for place, node in enumerate(self.layers[index])
            for other, here, there in down[node]
        ]
        if len(pairs) < 2:
            return 0
        pairs.sort()
        seen: list[float] = []
        total = 0
        for _, far in pairs:
            if not seen or far >= seen[-1]:
                seen.append(far)
                continue
            place = bisect_right(seen, far)
            total += len(seen) - place
            seen.insert(place, far)
        return total

    def _sweep(self, upwards: int) -> None:
        """Sorts every layer by the medians of its neighbours in the layer just sorted; nodes without any stay."""
        step = -1 if upwards else 1
        ends, known = self.ends[upwards], self.swept[upwards]
        for index in range(len(self.layers))[::step][1:]:
            layer = self.layers[index]
            state = (self.version[index], self.version[index - step])
            if len(layer) < 2 or known[index] == state:
                continue
            medians = [self._median(ends[node]) for node in layer]
            movable = sorted(
                (median, place) for place, median in enumerate(medians) if median >= 0
            )  # ties keep the order they have
            moved = iter([layer[place] for _, place in movable])
            sorted_layer = [node if median < 0 else next(moved) for node, median in zip(layer, medians, strict=True)]
            if sorted_layer != layer:
                self._reorder(index, sorted_layer)
            known[index] = (self.version[index], state[1])

    def _median(self, ends: list[_Segment]) -> float:
        """The weighted median of Gansner et al.; -1 without neighbours. The port at this end breaks near-ties."""
        spot = self.spot
        if len(ends) == 1:
            other, _, there = ends[0]
            return spot[other] + there + 0.5
        if not ends:
            return -1.0
        at = sorted([spot[other] + there + 0.5 for other, _, there in ends])
        middle, odd = divmod(len(at), 2)
        if odd:
            return at[middle]
        if len(at) == 2:
            return (at[0] + at[1]) / 2
        left, right = at[middle - 1] - at[0], at[-1] - at[middle]
        if left + right == 0:
            return (at[middle - 1] + at[middle]) / 2
        return (at[middle - 1] * right + at[middle] * left) / (left + right)

    def _exchange(self) -> None:
        """Exchanges neighbours for as long as that removes crossings."""
        last = len(self.layers) - 1
        for _ in range(ROUNDS):
            gained = False
            for index, layer in enumerate(self.layers):
                if not (self.crossed[index] or (index and self.crossed[index - 1])) or len(layer) > CROWDED:
                    continue
                state = (self.version[max(0, index - 1)], self.version[index], self.version[min(last, index + 1)])
                if self.exchanged[index] == state:
                    continue
                better = self._exchanged(layer)
                if better != layer:
                    gained = True
                    self._reorder(index, better)
                else:
                    self.exchanged[index] = state
            if not gained:
                return

    def _exchanged(self, layer: list[int]) -> list[int]:
        """The layer with neighbours exchanged, from its beginning on, where that removes crossings."""
        spot, (up, down) = self.spot, self.ends
        far = [
            (
                sorted([spot[other] + there for other, _, there in up[node]]),
                sorted([spot[other] + there for other, _, there in down[node]]),
            )
            for node in layer
        ]
        layer = [*layer]
        for place in range(len(layer) - 1):
            (left_up, left_down), (right_up, right_down) = far[place], far[place + 1]
            gain = _gain(left_up, right_up) + _gain(left_down, right_down)
            if gain > 0:
                layer[place], layer[place + 1] = layer[place + 1], layer[place]
                far[place], far[place + 1] = far[place + 1], far[place]
        return layer


def _gain(left: list[float], right: list[float]) -> int:
    """How many crossings fewer there are, by these ends, once two neighbours are exchanged; both sorted."""
    if not left or not right or left[-1] <= right[0]:
        return 0 if not left or not right else -_inversions(right, left)
    return _inversions(left, right) - _inversions(right, left)


def _inversions(left: list[float], right: list[float]) -> int:
    """How many pairs of ends cross while the node of `left` stands before that of `right`; both sorted."""
    total = place = 0
    for at in left:
        while place < len(right) and right[place] < at:
            place += 1
        total += place
    return total
