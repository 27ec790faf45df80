"""The view `focus`: what lies around a tensor, module or function, or on the ways between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from render.errors import RenderError
from render.views import register
from render.views.counts import noted, parameters
from render.views.patterns import check, fits
from render.views.subgraph import note, with_nodes
from tracer.graph import Graph, Node

_FORWARD: Final = ("after",)
_BACK: Final = ("before",)
_BOTH: Final = ("before", "after")
Neighbours = Mapping[str, Mapping[int, tuple[int, ...]]]


@register("focus", help_text="what lies around a tensor, module or function, or on all ways between two")
def focus(
    graph: Graph,
    *,
    around: tuple[str, ...] = (),
    hops: int = 2,
    start: tuple[str, ...] = (),
    end: tuple[str, ...] = (),
) -> Graph:
    """The part of the graph that is near something, or between two things; without options, near the result.

    A tensor, module or function is meant by its name. With `start` and `end` the operations on all ways from the one to
    the other are kept, with one of them all that comes after or before it.

    Args:
        graph: Any graph.
        around: Keep what is near this tensor, module or function.
        hops: How many operations away is near: 1 is what made a tensor and what reads it.
        start: Keep what depends on this.
        end: Keep what this depends on.

    Raises:
        RenderError: A pattern matches nothing, or no way leads from start to end.
    """
    if not graph.nodes:
        return graph
    near = _neighbours(graph)
    kept = {node.id for node in graph.nodes}
    if start:
        kept &= _reached(near, _readers(graph, start), None, _FORWARD)
    if end:
        kept &= _reached(near, _makers(graph, end), None, _BACK)
    if around or not (start or end):
        kept &= _near(graph, near, around, hops)
    if not kept:
        raise _nothing(around, hops, start, end)
    left_out = len(graph.nodes) - len(kept)
    if not left_out:
        return graph
    cut = with_nodes(graph, (node for node in graph.nodes if node.id in kept))
    further = f"{left_out:,} operations" if left_out > 1 else "1 operation"
    return note(noted(cut, parameters(graph)), f"not drawn: {further} further away")


def _near(graph: Graph, near: Neighbours, around: tuple[str, ...], hops: int) -> set[int]:
    """Operations within so many hops of what is meant; a tensor is one hop from what makes and what reads it."""
    ends = [] if graph.outputs else [graph.nodes[-1]]
    tensors, calls = _meant(graph, around) if around else (set(graph.outputs), ends)
    touching = [node.id for node in graph.nodes if any(each in tensors for each in (*node.inputs, *node.outputs))]
    found = _reached(near, [node.id for node in calls], hops, _BOTH)
    return found | (_reached(near, touching, hops - 1, _BOTH) if hops else set())


def _nothing(around: tuple[str, ...], hops: int, start: tuple[str, ...], end: tuple[str, ...]) -> RenderError:
    """The error where nothing is left."""
    if around or not (start or end):
        return RenderError(f"nothing lies within hops={hops} of {', '.join(around) or 'the result'}: ask for more hops")
    if start and end:
        return RenderError(f"no way leads from {', '.join(start)} to {', '.join(end)}: is it the other way round?")
    what = f"reads {', '.join(start)}" if start else f"makes {', '.join(end)}"
    return RenderError(f"no operation {what}: give focus:{'end' if start else 'start'} instead")


def _meant(graph: Graph, patterns: tuple[str, ...]) -> tuple[set[int], list[Node]]:
    """The tensors, and the operations, that some name fits."""
    called = {node.id: [scope.name for scope in graph.path(node.scope)] + [node.op] for node in graph.nodes}
    touched = {value for node in graph.nodes for value in (*node.inputs, *node.outputs)}
    tensors = {value.id: value.name for value in graph.values if value.name and value.id in touched}
    names = [*tensors.values(), *(name for names in called.values() for name in names)]
    check(graph, "tensor, module or function", patterns, names)
    calls = [node for node in graph.nodes if any(fits(name, patterns) for name in called[node.id])]
    return {value for value, name in tensors.items() if fits(name, patterns)}, calls


def _readers(graph: Graph, patterns: tuple[str, ...]) -> list[int]:
    """The operations that are meant or read a tensor that is."""
    tensors, calls = _meant(graph, patterns)
    reading = [node for node in graph.nodes if not tensors.isdisjoint(node.inputs)]
    return [node.id for node in (*calls, *reading)]


def _makers(graph: Graph, patterns: tuple[str, ...]) -> list[int]:
    """The operations that are meant or make a tensor that is."""
    tensors, calls = _meant(graph, patterns)
    making = [node for node in graph.nodes if not tensors.isdisjoint(node.outputs)]
    return [node.id for node in (*calls, *making)]


def _neighbours(graph: Graph) -> Neighbours:
    """For each operation, those whose results it reads and those that read its own."""
    before: dict[int, tuple[int, ...]] = {}
    after: dict[int, list[int]] = {}
    for node in graph.nodes:
        makers = dict.fromkeys(graph.producer[value].id for value in node.inputs if value in graph.producer)
        before[node.id] = tuple(makers)
        for maker in makers:
            after.setdefault(maker, []).append(node.id)
    return {"before": before, "after": {node: tuple(readers) for node, readers in after.items()}}


def _reached(near: Neighbours, starts: Iterable[int], hops: int | None, ways: tuple[str, ...]) -> set[int]:
    """What lies within so many hops (None: any number) of `starts`, which are among it."""
    found = set(starts)
    edge, distance = list(dict.fromkeys(starts)), 0
    while edge and (hops is None or distance < hops):
        reached = (other for node in edge for way in ways for other in near[way].get(node, ()))
        edge = [node for node in dict.fromkeys(reached) if node not in found]
        found.update(edge)
        distance += 1
    return found
