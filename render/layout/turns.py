"""Finds the turns of a loop along time that hold the same, and what in each stands for what in the others.

Such turns are laid out once, for all of them: as a model that has whatever some of them have. What they have in common
then stands at the same place in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from render import text

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
        for column, models in columns.items():
            found.column.update(dict.fromkeys(models, column))
            found.model.update(models)
        found.following.update(pairwise(sorted(columns)))
    if found.column:
        _match_tensors(found, scene, parent, ends)
        _match_edges(found, scene, ends)
    return found


def _alike(boxes: Sequence[Box], parent: Sequence[int]) -> Iterable[Mapping[int, Mapping[int, int]]]:
    """Columns of one loop that hold the same, with the operations and groups in each and those of the model.

    The model is the second turn that is whole: it reads what the first has made, as all others do. A turn that lacks
    some operations has the others at their places.
    """
    loops: dict[tuple[int, int], dict[object, list[int]]] = {}
    contents = _contents(boxes, parent)
    last: dict[int, tuple[int, int]] = {}  # by the group that loops lie in: how many there are, and the turn last met
    for column, content in contents.items():
        count, before = last.get(parent[column], (0, -1))
        turn = boxes[column].column or 0
        last[parent[column]] = (count + (turn <= before), turn)
        place = {box: index for index, box in enumerate(content)}
        shape = tuple((boxes[box].kind, place.get(parent[box], -1)) for box in content)
        loops.setdefault((parent[column], last[parent[column]][0]), {}).setdefault(shape, []).append(column)
    for shapes in loops.values():
        whole = max(shapes.values(), key=len)
        if len(whole) < 2:
            continue
        model = contents[whole[1]]
        found: dict[int, Mapping[int, int]] = {}
        found.update((column, dict(zip(contents[column], model, strict=True))) for column in whole)
        for column in (each for others in shapes.values() if others is not whole for each in others):
            placed = _placed(boxes, parent, contents[column], model)
            found.update({column: placed} if placed is not None else {})
        yield found


def _contents(boxes: Sequence[Box], parent: Sequence[int]) -> Mapping[int, list[int]]:
    """By each column, itself and the operations and groups in it."""
    column: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for number, box in enumerate(boxes):
        if box.column is not None and box.kind == "group":
            column[number] = number
        elif parent[number] in column:
            column[number] = column[parent[number]]
        if number in column and box.kind in ("operation", "group"):
            found.setdefault(column[number], []).append(number)
    return found


def _placed(
    boxes: Sequence[Box], parent: Sequence[int], content: Sequence[int], model: Sequence[int]
) -> Mapping[int, int] | None:
    """What of a whole turn stands for each box of a shorter one, in their order; None where something has no place."""
    found = {content[0]: model[0]}
    places = {kind: iter([box for box in model[1:] if boxes[box].kind == kind]) for kind in ("operation", "group")}
    for box in content[1:]:
        kind, words = boxes[box].kind, _words(boxes[box])
        around = found.get(parent[box])
        same = (each for each in places[kind] if parent[each] == around and _words(boxes[each]) == words)
        stands = next(same, None)
        if stands is None:
            return None
        found[box] = stands
    return found


def _words(box: Box) -> str:
    """The title of an operation; the name of a group, which may say more of some calls."""
    title = box.lines[0] if box.lines else ()
    return text.plain(title[:1] if box.kind == "group" else title)


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
