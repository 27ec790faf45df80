"""Splits a drawing that does not fit its page into several figures, with tags that name what continues where.

A figure holds what ran in one stretch of the run. It ends where few arrows cross, outside of modules where that can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from render import text
from render.drawing import Drawing
from render.errors import RenderError
from render.fit import best, detailed
from render.page import Target
from render.scene import Box, Edge, Scene, Text
from render.views.subgraph import with_nodes

MOST: Final = 50  # figures; nobody reads more
_EARLY: Final = 0.6  # of what fits a figure may be left for a better place to cut
_MODULE: Final = 2.0  # arrows that a cut through a module counts for
_LOOP: Final = 5.0  # and one that a value is handed back across
_EVEN: Final = 1.2  # of the mean number of boxes a figure may have
_HEIGHT: Final = 24.0
_PAD: Final = 14.0
_SIZE: Final = 12.5


def figures(drawing: Drawing, *targets: Target) -> tuple[Drawing, ...]:
    """The drawings that show all of a graph on pages of one size, in the order of the run.

    Args:
        drawing: A graph with the user's options. Loops and what is alike are drawn once unless it says otherwise.
        *targets: Pages; one drawing that fits any of them is all there is, else the last is taken.

    Raises:
        RenderError: A single box is too large for the page, or it would take more than 50 figures.
    """
    whole = detailed(drawing)
    for target in targets:
        found = best(whole, target)
        if found is not None:
            return (found,)
    cutter = _Cutter(whole, targets[-1])
    ends = cutter.ends(len(cutter.order))
    even = math.ceil(_EVEN * len(cutter.order) / len(ends))
    evened = cutter.ends(even)
    ends = evened if len(evened) == len(ends) else ends
    return tuple(cutter.figure(number, ends) for number in range(len(ends)))


@dataclass(frozen=True)
class _Cutter:
    """A composed scene and where to cut it.

    Attributes:
        drawing: Of the whole.
        target: The page of each figure.
    """

    drawing: Drawing
    target: Target

    @cached_property
    def scene(self) -> Scene:
        return self.drawing.composed

    @cached_property
    def order(self) -> Sequence[Box]:
        """The boxes as they ran."""
        return [box for box in self.scene.boxes if box.kind != "group"]

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each box stands in that order."""
        return {box.id: number for number, box in enumerate(self.order)}

    @cached_property
    def costs(self) -> Sequence[float]:
        """What it costs to cut before each box: tensors that cross, modules cut through, loops torn."""
        crossing: list[set[str]] = [set() for _ in self.order]
        torn = [0.0] * len(self.order)
        for edge in self.scene.edges:
            first, last = sorted((self.place[edge.tail], self.place[edge.head]))
            if edge.kind == "value":
                for cut in range(first + 1, last + 1):
                    crossing[cut].add(edge.tail)
                    torn[cut] += _LOOP * edge.back
        around = [set(self._around(box)) for box in self.order]
        for cut, box in enumerate(self.order[:-1], 1):  # what comes from outside stays with its first reader
            torn[cut] += _LOOP * (box.id not in self._made and box.id in crossing[cut])
        return [
            len(crossing[cut]) + torn[cut] + _MODULE * len(around[cut] & around[cut - 1])
            for cut in range(len(self.order))
        ]

    def ends(self, most: int) -> Sequence[int]:
        """Where each figure ends, in the order of the boxes.

        Args:
            most: Boxes of one figure.
        """
        found: list[int] = []
        start = 0
        while start < len(self.order):
            if len(found) == MOST:
                raise RenderError(
                    f"{self.drawing.graph.name} would take more than {MOST} figures of {self.target}: close modules "
                    "with --depth or --level module, fold with --view roll or --view fold, or take a larger --size"
                )
            start = self._end(start, most)
            found.append(start)
        return found

    def _end(self, start: int, most: int) -> int:
        """The best end of a figure that begins at `start`."""
        last = self._last(start, min(len(self.order), start + most))
        if last == len(self.order):
            return last
        earliest = start + max(1, int(_EARLY * (last - start)))
        return min(range(last, earliest - 1, -1), key=lambda end: self.costs[end])

    def _last(self, start: int, limit: int) -> int:
        """The last end of a figure from `start` on that still fits, found by halving."""
        fits, fails = start, limit + 1
        step = 8
        while fits < limit and fails > limit:
            tried = min(limit, fits + step)
            fits, fails = (tried, fails) if self._fits(start, tried) else (fits, tried)
            step *= 2
        while fails - fits > 1:
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if self._fits(start, middle) else (fits, middle)
        if fits == start:
            raise RenderError(
                f"one box of {self.drawing.graph.name} is too large for {self.target}: take a larger --size"
            )
        return fits

    def _fits(self, start: int, end: int) -> bool:
        part = self._part(start, end, lambda _: MOST)
        return best(_numbered(part, MOST, MOST), self.target) is not None

    def figure(self, number: int, ends: Sequence[int]) -> Drawing:
        """The figure of that number, counted from 0."""
        start = ends[number - 1] if number else 0

        def figure_of(box: str) -> int:
            return next(at for at, end in enumerate(ends, 1) if self.place[box] < end)

        part = _numbered(self._part(start, ends[number], figure_of), number + 1, len(ends))
        return best(part, self.target) or replace(part, page=self.target)

    def _part(self, start: int, end: int, figure_of: Callable[[str], int]) -> Drawing:
        """What stands from `start` to `end`, with tags for what comes from elsewhere and goes elsewhere."""
        inside = {box.id for box in self.order[start:end]}
        tags: dict[str, Box] = {}
        edges: dict[str, Edge] = {}
        for edge in self.scene.edges:
            ends = [each in inside for each in (edge.tail, edge.head)]
            if all(ends):
                edges[edge.id] = edge
            elif ends[1] and edge.kind == "value":
                edges[edge.id] = self._from_elsewhere(edge, tags, figure_of)
            elif ends[0] and edge.kind == "value" and edge.tail in self._made:
                edges.setdefault(f"e{edge.tail}_to", self._elsewhere(edge, tags, figure_of))
        for edge in self.scene.edges:  # a gradient goes along with the arrow that it runs back along
            twin = edges.get(edge.twin or "")
            if twin is not None and edge.id not in edges:
                edges[edge.id] = replace(edge, tail=twin.head, head=twin.tail)
        shown = {*inside, *self._groups(inside)}
        boxes = [box for box in self.scene.boxes if box.id in shown]
        scene = replace(self.scene, boxes=(*boxes, *tags.values()), edges=tuple(edges.values()))
        nodes = (node for node in self.drawing.view.nodes if f"n{node.id}" in inside)
        return replace(self.drawing, drawn=with_nodes(self.drawing.view, nodes), part=scene, warmth=self.drawing.heat)

    def _from_elsewhere(self, edge: Edge, tags: dict[str, Box], figure_of: Callable[[str], int]) -> Edge:
        """The arrow from a tag; a tensor that nothing made is named alone, for no figure makes it."""
        name = f"{edge.tail}_from"
        lead = (self._words(f"fig. {figure_of(edge.tail)} → "),) if edge.tail in self._made else ()
        tags.setdefault(name, self._tag(name, edge, (*lead, self._name(edge)), edge.head))
        return replace(edge, tail=name, label=None)

    def _elsewhere(self, edge: Edge, tags: dict[str, Box], figure_of: Callable[[str], int]) -> Edge:
        """The arrow to a tag that names the next figures a tensor goes on in."""
        name, here = f"{edge.tail}_to", figure_of(edge.tail)
        readers = (each.head for each in self.scene.edges if each.tail == edge.tail and each.kind == "value")
        others = sorted({figure_of(reader) for reader in readers} - {here})
        there = ", ".join(map(str, others[:2])) + ("…" if len(others) > 2 else "")
        lead = self._words(f" → fig. {there or here}")
        tags.setdefault(name, self._tag(name, edge, (self._name(edge), lead), edge.tail))
        return replace(edge, id=f"e{name}", head=name, label=None, order=0)

    def _tag(self, name: str, edge: Edge, runs: tuple[Text, ...], beside: str) -> Box:
        """A small box painted as the one whose result it names, where the arrow that it ends belongs."""
        named, placed = self._box[edge.tail], self._box[beside]
        wide = 2 * math.ceil((1.08 * text.line_width(runs) + _PAD) / 2)
        outline = "rect" if named.kind == "tensor" else "pill"
        return replace(
            named,
            id=name,
            kind="tag",
            lines=(runs,),
            outline=outline,  # type: ignore[arg-type]
            stroke_width=min(named.stroke_width, 1.2),
            double=False,
            across=False,
            group=self._outside(edge),
            order=placed.order,
            width=float(wide),
            height=_HEIGHT,
        )

    def _outside(self, edge: Edge) -> str | None:
        """The innermost group around both ends of an arrow."""
        around = set(self._around(self._box[edge.tail]))
        return next((group for group in self._around(self._box[edge.head]) if group in around), None)

    def _name(self, edge: Edge) -> Text:
        """What a tag calls the result of a box: the tensor's name, what its arrow says, or the operation."""
        box = self._box[edge.tail]
        labels = (each.label for each in self.scene.edges if each.tail == box.id and each.label is not None)
        label = next(labels, None) if box.kind == "operation" else None
        if label is not None:
            return text.run(label.text.partition(" · ")[0], _SIZE, label.color)
        first = next((line[0] for line in box.lines if line), None)
        if first is None:
            return self._words(box.id)
        return text.run(first.text, _SIZE, first.color, bold=first.bold, subscript=first.subscript)

    def _words(self, words: str) -> Text:
        return text.run(words, _SIZE, self.drawing.options.theme.muted)

    # Look-ups.

    @cached_property
    def _box(self) -> Mapping[str, Box]:
        return {box.id: box for box in self.scene.boxes}

    @cached_property
    def _made(self) -> frozenset[str]:
        """Ids of the boxes whose results are computed: operations, and tensors that an arrow leads to."""
        operations = (box.id for box in self.order if box.kind == "operation")
        return frozenset((*operations, *(edge.head for edge in self.scene.edges if edge.kind == "value")))

    def _around(self, box: Box) -> list[str]:
        """The groups around a box, the innermost first."""
        found: list[str] = []
        while box.group is not None:
            found.append(box.group)
            box = self._box[box.group]
        return found

    def _groups(self, inside: Iterable[str]) -> frozenset[str]:
        return frozenset(group for name in inside for group in self._around(self._box[name]))


def _numbered(drawing: Drawing, number: int, count: int) -> Drawing:
    """The figure with its number, to which tags of the others refer, in the picture."""
    meta = {**drawing.view.meta, "notes": (f"figure {number} of {count}",)}
    return replace(drawing, drawn=replace(drawing.view, meta=meta))
