"""Draws an input that a module reads late where it is read: the labels of a model stand beside its loss.

Coming in at the top of the module its line would run along all that the module did before. What is read early and late
has its box at its first use and tags at the late ones (`tags`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.ranks import back_edges, early_ranks, rank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from render.scene import Box, Scene

LATE: Final = 3  # ranks that lie between the beginning and what is read late


class When(NamedTuple):
    """How much lies before a box: ranks, as few as can be and as drawn, and operations in a row that had run."""

    early: int
    rank: int
    done: int

    def is_late(self, since: When) -> bool:
        """Whether it is, by either measure.

        What stands late only because its result is needed late (the words of a model that first works out a mask) has
        run early, and what ran late beside the rest (a second tower) stands early.
        """
        return min(self.rank - since.early, self.done - since.done) >= LATE


def clock(scene: Scene) -> dict[str, When]:
    """When each box of a scene that is not yet placed comes, by its id."""
    number = {box.id: index for index, box in enumerate(scene.boxes)}
    pairs = Counter((number[edge.tail], number[edge.head]) for edge in scene.edges if edge.kind == "value")
    back = back_edges(len(number), list(pairs))
    forward = {pair: many for index, (pair, many) in enumerate(pairs.items()) if index not in back}
    early = early_ranks(len(number), forward)
    done, furthest = [0] * len(number), 0
    for index in sorted(number.values(), key=lambda index: scene.boxes[index].order):
        done[index] = furthest
        furthest = max(furthest, early[index])
    return dict(zip(number, map(When, early, rank(len(number), forward), done), strict=True))


def from_outside(scene: Scene) -> dict[str, list[str]]:
    """Tensors that nothing in the picture makes and that some group around their readers does not hold, with readers.

    None where the picture has turns of a loop side by side: what these read is drawn in each of them.
    """
    if any(box.column is not None for box in scene.boxes):
        return {}
    group = {box.id: box.group for box in scene.boxes}
    values = [edge for edge in scene.edges if edge.kind == "value"]
    made = {edge.head for edge in values}
    sources = {box.id for box in scene.boxes if box.kind in ("tensor", "tag")} - made
    read: dict[str, list[str]] = {}
    for edge in values:
        if edge.tail in sources:
            read.setdefault(edge.tail, []).append(edge.head)
    return {tail: heads for tail, heads in read.items() if any(group[head] != group[tail] for head in heads)}


def where_read(scene: Scene) -> Scene:
    """The scene with each input that is read late in the outermost group that reads it soon.

    None moves into a loop that is drawn once: what comes from outside of it (a first state) is not in every turn.

    Args:
        scene: Not yet placed.
    """
    sources = from_outside(scene)
    if not sources:
        return scene
    boxes, when = {box.id: box for box in scene.boxes}, clock(scene)
    begun = _begun(scene.boxes, when, {edge.head for edge in scene.edges if edge.kind == "value"})
    back = ((edge.tail, edge.head) for edge in scene.edges if edge.back)
    loops = {group for ends in back for group in _groups_around(boxes, ends, None)[-1:]}
    moved: dict[str, Box] = {}
    for source, heads in sources.items():
        first = _first(when[head] for head in heads)
        group = boxes[source].group
        for inner in _groups_around(boxes, heads, group):
            if inner in loops or not first.is_late(begun[inner]):
                break
            group = inner
        if group != boxes[source].group:
            moved[source] = replace(boxes[source], group=group)
    stay = (box for box in scene.boxes if box.id not in moved)
    return replace(scene, boxes=(*stay, *moved.values()))  # behind the groups that they lie in now


def _begun(boxes: Sequence[Box], when: Mapping[str, When], made: Collection[str]) -> dict[str, When]:
    """When each group begins: with what is first computed there."""
    begun: dict[str, When] = {}
    for box in reversed(boxes):  # groups stand before what lies in them
        found = begun.get(box.id) if box.kind == "group" else when[box.id] if box.id in made else None
        if box.group is not None and found is not None:
            begun[box.group] = _first((found, begun.get(box.group, found)))
    return begun


def _first(found: Iterable[When]) -> When:
    return When(*map(min, zip(*found, strict=True)))


def _groups_around(boxes: Mapping[str, Box], inner: Iterable[str], outer: str | None) -> list[str]:
    """The groups that hold all of some boxes and lie in a group, from the outermost on."""
    common: list[str] | None = None
    for name in inner:
        chain: list[str] = []
        group = boxes[name].group
        while group is not None and group != outer:
            chain.append(group)
            group = boxes[group].group
        if group != outer:
            return []
        chain.reverse()
        both = zip(chain if common is None else common, chain, strict=False)
        common = [one for one, other in both if one == other]
    return common or []
