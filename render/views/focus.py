"""The view `focus`: what lies around a tensor, module or function, or on the ways between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from render import text
from render.errors import RenderError
from render.views import register
from render.views.counts import noted, parameters
from render.views.patterns import inside, meant
from render.views.phase import forward
from render.views.prune import is_named
from render.views.subgraph import note, with_nodes
from tracer.graph import Graph, Node

HOPS: Final = 2  # around something
_FORWARD: Final = ("after",)
_BACK: Final = ("before",)
_BOTH: Final = ("before", "after")
Neighbours = Mapping[str, Mapping[int, tuple[int, ...]]]


@register("focus", help_text="what lies around a tensor, module or function, or on all ways between two")
def focus(
    graph: Graph,
    *,
    around: tuple[str, ...] = (),
    hops: int | None = None,
    start: tuple[str, ...] = (),
    end: tuple[str, ...] = (),
) -> Graph:
    """The part of the graph that is near something, or between two things; without options, near the result.

    A tensor, module or function is meant by its name. What is far is told in forward; of backward what differentiates
    operations that are kept is kept with them. With `start` and `end` the operations on all ways from the one to
    the other are kept, with one of them all that comes after or before it, or so many hops of it.

    Args:
        graph: Any graph.
        around: Keep what is near this tensor, module or function.
        hops: How many operations away is near (1: what made a tensor and what reads it); around something 2 unless you
            say, from start or end any number.
        start: Keep what depends on this.
        end: Keep what this depends on.

    Raises:
        RenderError: A pattern matches nothing, no way leads from start to end, or hops beside both.
    """
    if not graph.nodes:
        return graph
    centred = bool(around) or not (start or end)
    if start and end and not centred and hops is not None:
        raise RenderError("focus:hops says how far from one thing: leave it out, or one of start and end")
    hops = HOPS if centred and hops is None else hops
    part = forward(graph) if any(node.phase == "forward" for node in graph.nodes) else graph
    near, far = _neighbours(part), None if centred else hops
    kept = {node.id for node in part.nodes}
    if start:
        kept &= _within(part, near, start, far, _FORWARD)
    if end:
        kept &= _within(part, near, end, far, _BACK)
    if centred:
        kept &= _within(part, near, around, hops, _BOTH)
    kept |= _derivatives(graph, kept)
    if not kept:
        raise _nothing(around, hops, start, end)
    left_out = sum(node.id not in kept for node in part.nodes)
    if len(kept) == len(graph.nodes):
        return graph
    cut = with_nodes(graph, (node for node in graph.nodes if node.id in kept))
    if not left_out:
        return cut
    further = f"{text.count(left_out)} operations" if left_out > 1 else "1 operation"
    return note(noted(_with_ends(cut, graph), parameters(graph)), f"not drawn: {further} further away")


def _derivatives(graph: Graph, kept: set[int]) -> set[int]:
    """The operations of backward that differentiate what is kept, and what ran between them: sums, the seed."""
    backward = [node for node in graph.nodes if node.phase == "backward"]
    found = {node.id for node in backward if node.forward in kept}
    reached, wanted = kept | found, set(found)
    for node in backward:
        makers = (graph.producer.get(value) for value in node.inputs if node.forward is None)
        if any(maker is not None and maker.id in reached for maker in makers):
            reached.add(node.id)
    for node in reversed(backward):
        if any(reader.id in wanted for value in node.outputs for reader in graph.consumers.get(value, ())):
            wanted.add(node.id)
    return found | (reached & wanted)


def _with_ends(cut: Graph, whole: Graph) -> Graph:
    """The cut graph with what the author named and it hands on to what is not drawn as outputs."""
    kept = {node.id for node in cut.nodes}
    made = (value for node in cut.nodes if node.phase == "forward" for value in node.outputs if is_named(whole, value))
    readers = {value: [node for node in whole.consumers.get(value, ()) if node.phase == "forward"] for value in made}
    left = (value for value, nodes in readers.items() if any(node.id not in kept for node in nodes))
    return replace(cut, outputs=tuple(dict.fromkeys((*cut.outputs, *left))))


def _within(graph: Graph, near: Neighbours, patterns: Sequence[str], hops: int | None, ways: Sequence[str]) -> set[int]:
    """Operations within so many hops of what is meant; a tensor is one hop from what makes and what reads it."""
    ends = [] if graph.outputs else [graph.nodes[-1].id]
    tensors, calls = _meant(graph, patterns) if patterns else (frozenset(graph.outputs), ends)
    touching = [node.id for node in graph.nodes if any(value in tensors for value in _touched(node, ways))]
    if hops is None:
        return _reached(near, [*calls, *touching], None, ways)
    return _reached(near, calls, hops, ways) | (_reached(near, touching, hops - 1, ways) if hops else set())


def _touched(node: Node, ways: Sequence[str]) -> Iterable[int]:
    """The tensors by which an operation is next to something on these ways from it."""
    return (*(node.inputs if "after" in ways else ()), *(node.outputs if "before" in ways else ()))


def _nothing(around: Sequence[str], hops: int | None, start: Sequence[str], end: Sequence[str]) -> RenderError:
    """The error where nothing is left."""
    if hops is not None:
        what = ", ".join(around or start or end) or "the result"
        return RenderError(f"nothing lies within hops={hops} of {what}: ask for more hops")
    if start and end:
        return RenderError(f"no way leads from {', '.join(start)} to {', '.join(end)}: is it the other way round?")
    what = f"reads {', '.join(start)}" if start else f"makes {', '.join(end)}"
    return RenderError(f"no operation {what}: give focus:{'end' if start else 'start'} instead")


def _meant(graph: Graph, patterns: Sequence[str]) -> tuple[frozenset[int], list[int]]:
    """The tensors, and the operations, that some name fits."""
    touched = dict.fromkeys(value for node in graph.nodes for value in (*node.inputs, *node.outputs))
    tensors = {value: graph.value_by_id[value].name or "" for value in touched}
    scopes = {scope.id: scope.name for scope in graph.scopes}
    operations = {node.id: node.op for node in graph.nodes}
    names = filter(None, (*tensors.values(), *scopes.values(), *operations.values()))
    found = meant(graph, "tensor, module or function", patterns, names)
    around = inside(graph, (scope for scope, name in scopes.items() if name in found))
    calls = [node.id for node in graph.nodes if node.scope in around or node.op in found]
    return frozenset(value for value, name in tensors.items() if name in found), calls


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


def _reached(near: Neighbours, starts: Iterable[int], hops: int | None, ways: Sequence[str]) -> set[int]:
    """What lies within so many hops (None: any number) of `starts`, which are among it."""
    found = set(starts)
    edge, distance = list(dict.fromkeys(starts)), 0
    while edge and (hops is None or distance < hops):
        reached = (other for node in edge for way in ways for other in near[way].get(node, ()))
        edge = [node for node in dict.fromkeys(reached) if node not in found]
        found.update(edge)
        distance += 1
    return found
