"""Finds the turns of a loop along time that hold the same, and what in each stands for what in the others.

Such turns are laid out once, for all of them: as a model that has whatever some of them have. What they have in common
then stands at the same place in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from render.scene import Box, Scene

Use = tuple[object, ...]


@dataclass
class Turns:
    """Columns that are alike. Boxes and edges are numbered as in the scene.

    Attributes:
        column: The column that a box lies in, or is, of those that are like others.
        model: The box that stands for a box of a column, and for those at its place in the others.
        following: The column after each one.
        use: What an edge that ends in a column is there; edges of several columns that are the same have it in common.
        share: Of those that come in from outside: which may share a line, since they do in every turn.
    """

    column: dict[int, int] = field(default_factory=dict)
    model: dict[int, int] = field(default_factory=dict)
    following: dict[int, int] = field(default_factory=dict)
    use: dict[int, Use] = field(default_factory=dict)
    share: dict[int, int] = field(default_factory=dict)

    def place(self, box: int) -> int:
        """The box that a box is laid out as; itself, where it lies in no such column."""
        return self.model.get(box, box)

    def like(self, box: int) -> list[int]:
        """All boxes that are laid out as the same as `box`."""
        return self._like[self.place(box)]

    @cached_property
    def _like(self) -> Mapping[int, list[int]]:
        found: dict[int, list[int]] = {}
        for box, model in self.model.items():
            found.setdefault(model, []).append(box)
        return found


def find(scene: Scene, parent: Sequence[int], ends: Mapping[int, tuple[int, int]]) -> Turns:
    """The turns that are alike: those of one loop with the same operations in the same groups.

    Args:
        scene: Not yet placed.
        parent: Group of each box.
        ends: Boxes at the ends of each edge that is placed.
    """
    found = Turns()
    for columns in _alike(scene.boxes, parent):
        model = columns[sorted(columns)[1]]  # the second turn reads what the first has made, as all others do
        for column, solid in columns.items():
            found.column[column] = column
            found.column.update(dict.fromkeys(solid, column))
            found.model.update(zip((column, *solid), (sorted(columns)[1], *model), strict=True))
        order = sorted(columns)
        found.following.update(pairwise(order))
    if found.column:
        _match_tensors(found, scene, parent, ends)
        _match_edges(found, scene, ends)
    return found


def _alike(boxes: Sequence[Box], parent: Sequence[int]) -> Iterable[Mapping[int, list[int]]]:
    """Columns of one loop that hold the same, with the operations and groups in each."""
    column: dict[int, int] = {}
    loops: dict[int, tuple[int, int]] = {}  # by the group that a loop lies in: how many there are, and its last turn
    loop_of: dict[int, tuple[int, int]] = {}
    for number, box in enumerate(boxes):
        if box.column is not None and box.kind == "group":
            count, last = loops.get(parent[number], (0, -1))
            loops[parent[number]] = (count + (box.column <= last), box.column)
            loop_of[number] = (parent[number], loops[parent[number]][0])
            column[number] = number
        elif parent[number] in column:
            column[number] = column[parent[number]]
    solid: dict[int, list[int]] = {number: [] for number in loop_of}
    for number, around in column.items():
        if number != around and boxes[number].kind in ("operation", "group"):
            solid[around].append(number)
    same: dict[object, dict[int, list[int]]] = {}
    for number, content in solid.items():
        place = {box: index for index, box in enumerate(content)}
        shape = tuple((boxes[box].kind, place.get(parent[box], -1)) for box in content)
        same.setdefault((loop_of[number], shape), {})[number] = content
    return [columns for columns in same.values() if len(columns) > 1]


def _match_tensors(found: Turns, scene: Scene, parent: Sequence[int], ends: Mapping[int, tuple[int, int]]) -> None:
    """Finds for tensors and tags in columns what stands for them: what is made, or read, at the same place."""
    rest = [box for box in range(len(scene.boxes)) if box not in found.model and parent[box] in found.column]
    found.column.update({box: found.column[parent[box]] for box in rest})
    signs: dict[int, Use] = {}
    made: dict[int, int] = {}
    for tail, head in ends.values():
        if head in found.column and head not in found.model and tail in found.model and head not in signs:
            made[tail] = made.get(tail, 0) + 1
            signs[head] = ("made", found.model[tail], made[tail])
    for edge, (tail, head) in ends.items():
        if tail in found.column and tail not in found.model and head in found.model:
            signs.setdefault(tail, ("read", found.model[head], scene.edges[edge].order))
    models: dict[Use, int] = {}
    taken: set[tuple[int, int]] = set()
    for box in sorted(rest, key=lambda each: found.model[found.column[each]] != found.column[each]):
        sign = (found.model[parent[box]], *signs.get(box, ("alone", box)))
        model = models.setdefault(sign, box)
        found.model[box] = box if (found.column[box], model) in taken else model
        taken.add((found.column[box], found.model[box]))


def _match_edges(found: Turns, scene: Scene, ends: Mapping[int, tuple[int, int]]) -> None:
    """Finds the use of each edge that ends in a column, and which of those that come in may share a line."""
    tails: dict[Use, dict[int, int]] = {}
    entering: dict[Use, list[int]] = {}
    for index, (tail, head) in ends.items():
        edge, column = scene.edges[index], found.column.get(head)
        if column is None:
            continue
        inside = found.column.get(tail) == column
        source = found.place(tail) if inside or edge.against else "outside"
        use: Use = (found.model[head], source, edge.order, edge.against, edge.back)
        found.use[index] = use
        if not inside:
            tails.setdefault(use, {})[column] = tail
            entering.setdefault(use, []).append(index)
    shares: dict[object, int] = {}
    for use, indices in entering.items():
        share = shares.setdefault(tuple(sorted(tails[use].items())), len(shares))
        found.share.update(dict.fromkeys(indices, share))
