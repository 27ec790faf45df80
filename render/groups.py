"""Which boxes lie together in the box of an open module or a loop, and what that box says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from render import text
from render.labels import Wording
from render.labels.words import population
from render.scene import Box
from render.views.backward import is_mirrored
from render.views.closing import is_closed_module
from render.views.counts import parameters
from render.views.merging import alike, carried, skipped_from, step
from tracer.graph import Graph, Scope

Path = tuple[int, ...]


@dataclass(frozen=True)
class Groups:
    """The open modules and the loops of a graph that at least two operations lie in.

    Attributes:
        graph: As it is drawn.
        words: Spells the titles.
    """

    graph: Graph
    words: Wording

    def of_node(self, node: int) -> str | None:
        """Scene id of the group an operation lies in."""
        return self._pairs.get(node) or _innermost(self._paths[node])

    def of_value(self, value: int) -> str | None:
        """Scene id of the group a tensor lies in: the innermost around what makes it and everything that reads it.

        What a module was given, and what it hands back and nothing reads, lies outside of it.
        """
        producer = self.graph.producer.get(value)
        readers = self.graph.consumers.get(value, ())
        users = (*(() if producer is None else (producer,)), *readers)
        if not users:
            return None
        paths = [self._paths[node.id] for node in users]
        # What is made in a group and read there stays in it, or its line would lead out and back.
        near = paths if producer is None or not readers else max(([paths[0], each] for each in paths[1:]), key=_shared)
        path = _common(near)
        if value in self._carried and producer is not None:  # what a loop hands on stays in it, whoever else reads it
            return _innermost(self._open_path(self._carried[value]))
        if producer is None or not readers:
            inside = (
                level for level, scope in enumerate(path) if self._crosses(scope, value, made=producer is not None)
            )
            path = path[: next(inside, len(path))]
        return _innermost(path)

    def module_of(self, group: str | None) -> str:
        """The name of a group, or of the innermost module with a name around it; empty where there is none."""
        around = self.graph.path(int(group[1:])) if group is not None else ()
        return next((text.clean(each.name) for each in reversed(around) if each.kind == "module" and each.name), "")

    def _crosses(self, scope: int, value: int, *, made: bool) -> bool:
        """Whether a value was passed into a call or a turn, or handed back by it; a loop is given all that it reads."""
        found = self.graph.scope_by_id[scope]
        rolled = found.kind == "loop" and step(found) is None
        return value in found.inputs or value in found.outputs or (rolled and not made)

    def column(self, node: int) -> int | None:
        """The turn of a loop, drawn along time, that an operation lies in."""
        found = (step(self.graph.scope_by_id[scope]) for scope in self._paths[node])
        return next((turn for turn in found if turn is not None), None)

    def boxes(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """`boxes`, with the boxes of the groups they lie in before them, the outer ones first."""
        pairs = self._pair_boxes()
        used = {box.group for box in (*pairs, *boxes)}
        paths = dict.fromkeys(path for path in self._paths.values() if _innermost(path) in used)
        needed = {scope for path in paths for scope in path}
        first = {box.group: box.order for box in reversed((*pairs, *boxes))}
        opened = [self._box(scope, first) for scope in self.graph.scopes if scope.id in needed]
        return (*opened, *pairs, *boxes)

    @cached_property
    def _pairs(self) -> Mapping[int, str]:
        """Where backward is drawn opposite forward: the group of each two, by either's id."""
        if not is_mirrored(self.graph):
            return {}
        two = [(node.forward, node.id) for node in self.graph.nodes if node.phase == "backward"]
        return {node: f"p{pair[0]}" for pair in two if pair[0] is not None for node in pair if node is not None}

    def _pair_boxes(self) -> tuple[Box, ...]:
        paint = self.words.theme.group
        forward = {group: node for node, group in self._pairs.items() if group == f"p{node}"}
        return tuple(
            Box(
                id=group,
                kind="group",
                outline="rounded",
                fill=paint.fill,
                stroke=paint.stroke,
                stroke_width=0.8,
                group=_innermost(self._paths[node]),
                order=node,
                column=skipped_from(self.graph.node_by_id[node]),
            )
            for group, node in forward.items()
        )

    def _box(self, scope: Scope, first: Mapping[str | None, int]) -> Box:
        lines = self.words.group(scope, self._parameters.get(scope.id, 0))
        paint = self.words.theme.group
        parent = _innermost(self._open_path(scope.parent))
        return Box(
            id=f"s{scope.id}",
            kind="group",
            lines=lines,
            outline="rounded",
            fill=paint.fill,
            stroke=paint.stroke,
            stroke_width=paint.width,
            dashed=paint.dashed,
            stacked=bool(alike(scope)),
            tooltip=text.clean(f"{scope.name} {scope.type}"),
            group=parent,
            order=first.get(f"s{scope.id}", 0),
            column=step(scope),
            width=round(1.08 * text.line_width(lines[0]) + 24, 2),
            height=28.0,
        )

    def _open_path(self, scope: int | None) -> Path:
        return tuple(each.id for each in self.graph.path(scope) if each.id in self._open)

    @cached_property
    def _paths(self) -> Mapping[int, Path]:
        """For each node, the groups it lies in, outermost first."""
        by_scope: dict[int | None, Path] = {}
        for node in self.graph.nodes:
            if node.scope not in by_scope:
                by_scope[node.scope] = self._open_path(node.scope)
        return {node.id: by_scope[node.scope] for node in self.graph.nodes}

    @cached_property
    def _open(self) -> frozenset[int]:
        """Ids of the modules and loops that are drawn as groups."""
        counts = population(self.graph)
        closed = {node.scope for node in self.graph.nodes if is_closed_module(node)}
        around = (scope.id for scope in self.graph.scopes if scope.kind != "function")
        return frozenset(scope for scope in around if counts.get(scope, 0) >= 2 and scope not in closed)

    @cached_property
    def has_steps(self) -> bool:
        """Whether turns of a loop are columns."""
        return any(step(scope) is not None for scope in self.graph.scopes)

    @cached_property
    def _carried(self) -> Mapping[int, int]:
        """The loop that hands on a value to its next turn, by value."""
        return {value: scope.id for scope in self.graph.scopes for value, _ in carried(scope)}

    @cached_property
    def _parameters(self) -> Mapping[int, int]:
        return parameters(self.graph)


def _innermost(path: Path) -> str | None:
    return f"s{path[-1]}" if path else None


def _shared(paths: Sequence[Path]) -> int:
    return len(_common(paths))


def _common(paths: Sequence[Path]) -> Path:
    """The longest beginning that all paths share."""
    shortest = min(paths, key=len)
    for position, scope in enumerate(shortest):
        if any(path[position] != scope for path in paths):
            return shortest[:position]
    return shortest
