"""Which boxes lie together in the box of an open module, and what that box says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from render import text
from render.labels import Wording
from render.scene import Box
from render.views.collapse import is_closed_module
from tracer.graph import Graph, Node, Scope

Path = tuple[int, ...]


@dataclass(frozen=True)
class Groups:
    """The open modules of a graph that at least two operations lie in.

    Attributes:
        graph: As it is drawn.
        words: Spells the titles.
    """

    graph: Graph
    words: Wording

    def of_node(self, node: int) -> str | None:
        """Scene id of the group an operation lies in."""
        return _innermost(self._paths[node])

    def of_value(self, value: int) -> str | None:
        """Scene id of the group a tensor lies in: the innermost around what makes it and everything that reads it.

        What a module was given, and what it hands back and nothing reads, lies outside of it.
        """
        producer = self.graph.producer.get(value)
        readers = self.graph.consumers.get(value, ())
        users = (*(() if producer is None else (producer,)), *readers)
        if not users:
            return None
        path = _common([self._paths[node.id] for node in users])
        if producer is None or not readers:
            inside = (level for level, scope in enumerate(path) if self._crosses(scope, value))
            path = path[: next(inside, len(path))]
        return _innermost(path)

    def _crosses(self, scope: int, value: int) -> bool:
        """Whether a value was passed into a module call or handed back by it."""
        found = self.graph.scope_by_id[scope]
        return value in found.inputs or value in found.outputs

    def boxes(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """`boxes`, with the boxes of the groups they lie in before them, the outer ones first."""
        used = {box.group for box in boxes}
        paths = dict.fromkeys(path for path in self._paths.values() if _innermost(path) in used)
        needed = {scope for path in paths for scope in path}
        first = {box.group: box.order for box in reversed(boxes)}
        opened = [self._box(scope, first) for scope in self.graph.scopes if scope.id in needed]
        return (*opened, *boxes)

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
            tooltip=text.clean(f"{scope.name} {scope.type}"),
            group=parent,
            order=first.get(f"s{scope.id}", 0),
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
        """Ids of the modules that are drawn as groups."""
        counts: dict[int, int] = {}
        closed: set[int] = set()
        for node in self.graph.nodes:
            if is_closed_module(node) and node.scope is not None:
                closed.add(node.scope)
            for scope in self.graph.path(node.scope):
                counts[scope.id] = counts.get(scope.id, 0) + 1
        modules = (scope.id for scope in self.graph.scopes if scope.kind == "module")
        return frozenset(scope for scope in modules if counts.get(scope, 0) >= 2 and scope not in closed)

    @cached_property
    def _parameters(self) -> Mapping[int, int]:
        """How many parameters are read in each group, shared ones counted once."""
        found: dict[int, dict[int, int]] = {}
        for node in self.graph.nodes:
            for scope in self._paths[node.id]:
                found.setdefault(scope, {}).update(self._sizes(node))
        return {scope: sum(sizes.values()) for scope, sizes in found.items()}

    def _sizes(self, node: Node) -> dict[int, int]:
        values = (self.graph.value_by_id[value] for value in node.inputs)
        return {value.id: value.numel for value in values if value.kind == "parameter"}


def _innermost(path: Path) -> str | None:
    return f"s{path[-1]}" if path else None


def _common(paths: Sequence[Path]) -> Path:
    """The longest beginning that all paths share."""
    shortest = min(paths, key=len)
    for position, scope in enumerate(shortest):
        if any(path[position] != scope for path in paths):
            return shortest[:position]
    return shortest
