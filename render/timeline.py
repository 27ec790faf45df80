"""What happened, moment by moment: forward in the order of the run, backward node by node, then the update."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from render.layout.outline import sheets
from render.listing import Listings, Place, span
from render.steps import StepKind, elements, gradient_of
from render.views.merging import carried, step, turn_of
from tracer.graph import Graph, Node, Scope, Source

if TYPE_CHECKING:
    from collections.abc import Hashable

    from render.drawing import Drawing
    from render.scene import Edge, Scene


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened.

    Attributes:
        kind: The phase.
        node: The operation of the drawn graph that ran, or that backward went through; None for all else.
        values: Ids of the values that came from outside, that backward started from, or that were updated.
        running: The lines that ran.
        about: In backward, the lines that it differentiates.
        sign: Moments with equal signs are the same code with the same operation, as in turns of a loop.
        call: The module call that the line made it in, if any: within one call, equal signs are no turns.
        loop: Of a loop that is drawn once, its scope: once its turn is drawn, what each hands on to the next appears.
    """

    kind: StepKind
    node: Node | None = None
    values: tuple[int, ...] = ()
    running: Place | None = None
    about: Place | None = None
    sign: Hashable = None
    call: int | None = None
    loop: Scope | None = None


@dataclass(frozen=True)
class Timeline:
    """The moments of a drawing, and what of its scene appears in each.

    Attributes:
        drawing: What is told.
        outside: Whether what comes from outside has moments of its own, where its line is known.
    """

    drawing: Drawing
    outside: bool = True

    @cached_property
    def listings(self) -> Listings:
        """The author's code."""
        return Listings(self.drawing.graph)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Everything that happened, in order."""
        return (*self._forward(), *self._backward(), *self._update())

    @cached_property
    def repeated(self) -> frozenset[Hashable]:
        """The signs that several moments have."""
        numbers = Counter(each.sign for each in self.moments if each.sign is not None)
        return frozenset(sign for sign, number in numbers.items() if number > 1)

    @property
    def view(self) -> Graph:
        """What is drawn."""
        return self.drawing.view

    @property
    def scene(self) -> Scene:
        """Where it is drawn."""
        return self.drawing.scene

    @cached_property
    def boxes(self) -> frozenset[str]:
        """Ids of all boxes."""
        return frozenset(box.id for box in self.scene.boxes)

    # Forward: what comes from outside, and operations.

    def _forward(self) -> Iterator[Moment]:
        waiting = sorted(self._origins().items(), key=lambda item: self._order(*item))
        for number, node in enumerate(self.view.nodes):
            while waiting and self._order(*waiting[0])[0] <= number:
                value, line = waiting.pop(0)
                name = self.view.value_by_id[value].name
                yield Moment("forward", values=(value,), running=line, sign=("value", line, name))
            source = self.view.source(node)
            place = self.listings.backward if source is None and node.phase == "backward" else self.lines(node)
            yield Moment(node.phase, node, running=place, sign=self._sign(node, source), call=self._call(node, source))
            for scope in self._ending.get(node.id, ()):
                yield Moment("forward", values=tuple(value for value, _ in carried(scope)), running=place, loop=scope)
        for value, line in waiting:
            yield Moment("forward", values=(value,), running=line)

    @cached_property
    def _ending(self) -> Mapping[int, tuple[Scope, ...]]:
        """The loops that are drawn once and hand something on, by the last operation in them."""
        last: dict[int, int] = {}
        for node in self.view.nodes:
            for scope in self.view.path(node.scope):
                last[scope.id] = node.id
        found: dict[int, tuple[Scope, ...]] = {}
        for scope in reversed(self.view.scopes):  # inner ones end first
            if carried(scope) and scope.id in last:
                found[last[scope.id]] = (*found.get(last[scope.id], ()), scope)
        return found

    def _place(self, source: Source | None) -> Place | None:
        return self.listings.place(source)

    def lines(self, node: Node) -> Place | None:
        """The lines that an operation comes from; those of all that a turn runs where it stands for a whole turn."""
        if not turn_of(self.view, node):
            return self._place(self.view.source(node))
        return self._turn

    @cached_property
    def _turn(self) -> Place | None:
        """The lines of a turn: all that ran from the first until the second; where they lie apart, the last of them."""
        ends = [
            next((node.id for node in self.view.nodes if number in map(step, self.view.path(node.scope))), 0)
            for number in (0, 1)
        ]
        graph = self.drawing.graph
        found = [self._place(graph.source(node)) for node in graph.nodes if ends[0] <= node.id < ends[1]]
        whole, ran = span(found), {place for place in found if place is not None}
        if whole is None or whole.last - whole.first < 2 * len(ran):
            return whole
        return span(found[-1:]) or whole  # a function far from the loop that calls it: what runs last

    def _sign(self, node: Node, source: Source | None) -> Hashable:
        """Equal for the same call in the same module; what has no source is like nothing else."""
        if source is None:
            return ("node", node.id)
        modules = tuple(scope.name for scope in self.view.path(node.scope) if scope.kind == "module")
        return ("call", node.op, modules, source.file, source.line, source.column)

    def _call(self, node: Node, source: Source | None) -> int | None:
        """The outermost module that was called in the line an operation comes from."""
        scopes = (scope for scope in self.view.path(node.scope) if scope.kind == "module" and scope.source is not None)
        line = None if source is None else (source.file, source.line)
        return next((each.id for each in scopes if each.source and (each.source.file, each.source.line) == line), None)

    def _origins(self) -> Mapping[int, Place]:
        """The values from outside that have a box, and the lines that made them."""
        if not self.outside:
            return {}
        found = {}
        for value in self.view.values:
            if value.id not in self.view.producer and f"v{value.id}" in self.boxes:
                maker = self.drawing.graph.producer.get(value.id)
                place = self._place(self.drawing.graph.source(maker)) if maker is not None else None
                if place is None and value.name is not None:
                    place = self.listings.assignment(value.name, self._first_line)
                if place is not None:
                    found[value.id] = place
        return found

    @cached_property
    def _first_line(self) -> int:
        """The first line of the script in which an operation of the picture ran."""
        places = (self._place(self.view.source(node)) for node in self.view.nodes if node.phase == "forward")
        return min((place.first for place in places if place is not None and place.listing == 0), default=0)

    def _order(self, value: int, place: Place) -> tuple[int, Place, int]:
        """When a value from outside came: before the operation that ran next, or reads it; among those by its line."""
        end = self._first_reader.get(value, len(self._clock))
        known = value in self.drawing.graph.producer  # else it is known since it was first used
        return min(bisect.bisect_right(self._clock, value), end) if known else 0, place, value

    @cached_property
    def _clock(self) -> list[int]:
        """For each operation of the picture the latest id so far; one that stands for many has no time of its own."""
        known = self.drawing.graph.node_by_id
        return list(accumulate((node.id if node.id in known else 0 for node in self.view.nodes), max))

    @cached_property
    def _first_reader(self) -> Mapping[int, int]:
        found: dict[int, int] = {}
        for number, node in enumerate(self.view.nodes):
            for value in node.inputs:
                found.setdefault(value, number)
        return found

    # Backward: the forward operations, as gradients came back through them.

    def _backward(self) -> Iterator[Moment]:
        if not self.has_backward or any(node.phase == "backward" for node in self.view.nodes):
            return
        where = self.listings.backward
        if self.view.loss is not None:
            yield Moment("backward", values=(self.view.loss.id,), running=where)
        for node in self._way_back:
            source = self.view.source(node)
            sign = ("back", *self._sign(node, source))  # type: ignore[misc]
            yield Moment("backward", node, running=where, about=self.lines(node), sign=sign)

    @cached_property
    def has_backward(self) -> bool:
        """Whether gradients are to be told of."""
        ran = any(node.phase == "backward" for node in self.drawing.graph.nodes)
        drawn = any(edge.kind == "gradient" for edge in self.scene.edges)
        return drawn or (ran and "gradients" not in self.drawing.options.hide)

    @cached_property
    def _way_back(self) -> list[Node]:
        """The operations that a gradient came back through, in that order."""
        first: dict[int, int] = {}
        for node in self.drawing.graph.nodes:
            if node.phase == "backward" and node.forward is not None:
                owner = self._owner(node.forward)
                if owner is not None:
                    first.setdefault(owner, node.id)
        drawn = {operation(edge) for edge in self.scene.edges if edge.kind == "gradient"}
        forward = [node for node in reversed(self.view.nodes) if node.phase == "forward"]
        clock = accumulate((first.get(node.id, -1) for node in forward), max)
        times = {node.id: first.get(node.id, time) for node, time in zip(forward, clock, strict=True)}
        through = [node for node in forward if node.id in first or f"n{node.id}" in drawn]
        return sorted(through, key=lambda node: times[node.id])  # stable: without a time, just after what it fed

    def _owner(self, kernel: int) -> int | None:
        """The operation of the picture that a kernel is drawn as; None where it is not drawn."""
        if kernel in self.view.node_by_id:
            return kernel
        found = self.drawing.graph.node_by_id.get(kernel)
        scope = None if found is None else found.scope
        while scope is not None:
            if scope in self._closed:
                nodes = self._closed[scope]
                return nodes[max(0, bisect.bisect_right(nodes, kernel) - 1)]
            scope = self.drawing.graph.scope_by_id[scope].parent
        return None

    @cached_property
    def _closed(self) -> Mapping[int, list[int]]:
        """The operations that stand for a scope, by its id."""
        found: dict[int, list[int]] = {}
        for node in self.view.nodes:
            if node.scope is not None and node.phase == "forward":
                found.setdefault(node.scope, []).append(node.id)
        return {scope: sorted(nodes) for scope, nodes in found.items()}

    # The update.

    def _update(self) -> Iterator[Moment]:
        """One moment for each line that changed weights."""
        lines: dict[Place | None, list[int]] = {}
        for node in self.drawing.graph.nodes:
            if node.phase == "update" and node.id not in self.view.node_by_id:
                changed = [each for each in map(self._weight, node.outputs) if each is not None]
                if changed:
                    lines.setdefault(self._place(self.drawing.graph.source(node)), []).extend(changed)
        for place, values in lines.items():
            yield Moment("update", values=tuple(dict.fromkeys(values)), running=place)

    def _weight(self, value: int) -> int | None:
        """The weight of the picture that a value is a later version of."""
        found = self.drawing.graph.value_by_id.get(value)
        while found is not None and found.version_of is not None:
            found = self.drawing.graph.value_by_id.get(found.version_of)
            if found is not None and found.kind == "parameter" and found.id in self.view.consumers:
                return found.id
        return None

    def holders(self, value: int) -> tuple[str, ...]:
        """The box of a weight, or those of the closed modules that it lies in."""
        own = f"v{value}"
        return (own,) if own in self.boxes else tuple(f"n{node.id}" for node in self.view.consumers.get(value, ()))

    # What appears when.

    @cached_property
    def appears(self) -> Mapping[str, int]:
        """The number of the moment in which each element of the scene appears."""
        return _Appearing(self).all


class _Appearing:
    """Works out the moment of each element: boxes by what they stand for, edges by their ends."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline, self.scene = timeline, timeline.scene
        self.when: dict[str, int] = {}
        self.back: dict[str, int] = {}
        self.seed = 0
        self._claim_boxes()
        self._claim_edges()
        self._claim_groups()
        self._claim_gradients()
        self._claim_sheets()
        last = len(timeline.moments) - 1
        self.all = {element: self.when.get(element, max(last, 0)) for element in elements(self.scene)}

    def _claim_sheets(self) -> None:
        """The sheets behind a box come with it."""
        for box in self.scene.boxes:
            if box.id in self.when:
                self.when.update({sheet.id: self.when[box.id] for sheet in sheets(box)})

    def _claim_boxes(self) -> None:
        for number, moment in enumerate(self.timeline.moments):
            node = moment.node
            if node is not None and moment.kind == "backward" and f"n{node.id}" in self.when:
                self.back[f"n{node.id}"] = number
                continue
            if moment.kind == "backward" and node is None:
                self.seed = number
            ids = moment.values if node is None else (*node.inputs, *node.outputs)
            for box in (*(f"v{value}" for value in ids), *((f"n{node.id}",) if node is not None else ())):
                self.when.setdefault(box, number)

    def _claim_edges(self) -> None:
        tags = {box.id for box in self.scene.boxes if box.kind == "tag"}
        for number, moment in enumerate(self.timeline.moments):
            for value, reader in () if moment.loop is None else carried(moment.loop):
                self.when[f"e{reader}_back{value}"] = number
        for edge in self.scene.edges:
            if edge.back and edge.id in self.when:
                continue
            if edge.kind == "value":
                ends = [self.when[end] for end in (edge.tail, edge.head) if end in self.when and end not in tags]
                self.when[edge.id] = max(ends, default=0)
                for tag in (end for end in (edge.tail, edge.head) if end in tags):
                    self.when[tag] = min(self.when.get(tag, self.when[edge.id]), self.when[edge.id])
            else:
                through = operation(edge)
                self.when[edge.id] = self.back.get(through, self.when.get(through, 0))

    def _claim_groups(self) -> None:
        """A group appears with the first operation in it (or tensor, where there is no operation)."""
        for kinds in (("operation", "group"), ("tensor", "tag", "group")):
            settled = {box.id for box in self.scene.boxes if box.kind == "group" and box.id in self.when}
            for box in reversed(self.scene.boxes):  # groups stand before what lies in them
                home = box.group
                if home is not None and home not in settled and box.kind in kinds and box.id in self.when:
                    self.when[home] = min(self.when.get(home, self.when[box.id]), self.when[box.id])

    def _claim_gradients(self) -> None:
        """A gradient is stated once all that flows into it has arrived."""
        arrived: dict[str, int] = {}
        for edge in self.scene.edges:
            if edge.kind == "gradient":
                box = edge.head.partition("_")[0]  # a tag stands for the tensor that it repeats
                arrived[box] = max(arrived.get(box, 0), self.when[edge.id])
        last = max((number for number, m in enumerate(self.timeline.moments) if m.kind == "backward"), default=0)
        loss = self.timeline.view.loss
        if loss is not None:
            arrived[f"v{loss.id}"] = self.seed
        for each in (box.id for box in self.scene.boxes):
            number = arrived.get(each, self.back.get(each, last))
            self.when[gradient_of(each)] = max(number, self.when.get(each, 0))


def operation(edge: Edge) -> str:
    """The operation whose backward a gradient's edge belongs to."""
    return edge.tail if edge.tail.startswith("n") else edge.head
