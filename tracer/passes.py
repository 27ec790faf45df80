"""A whole run -> its passes: one forward computation each, with its backward and update where the program took them.

A segment of the run that ended in a backward gives the pass of what its roots were computed from (up to parameters,
which are where a pass begins), together with what was computed from those (predictions, an accuracy) and with the
gradients and the update that followed. A segment without a backward gives the pass of its outermost module calls.
Where there is neither, the whole run is one pass. What belongs to no pass, such as the initialisation of weights, is
left out.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tracer.builder import Segment
from tracer.graph import Graph, Node, Scope, Stats, Value
from tracer.records import changed

Gradient = tuple[Stats | None, int | None]  # statistics, and which value it is where that is known


def split(
    run: Graph,
    segments: Sequence[Segment],
    segment_of: Mapping[int, int],
    grads: Mapping[int, Mapping[int, Gradient]],
) -> tuple[Graph, ...]:
    """Cuts a whole run into its passes.

    Args:
        run: Everything that was recorded.
        segments: The stretches of the run, in order.
        segment_of: Number of the segment of each node, by node id.
        grads: By segment number, the gradients that arrived in it, by value id.

    Returns:
        The passes in the order they ended, with `meta["pass"]` counted from 1.
    """
    rootless = {segment.number for segment in segments if not segment.roots}
    within: dict[int, list[Node]] = {segment.number: [] for segment in segments}
    for node in run.nodes:
        within[segment_of[node.id]].append(node)
    taken: set[int] = set()
    chosen: dict[int, set[int]] = {}
    for segment in segments:
        if segment.roots:
            chosen[segment.number] = _of_roots(run, segment, within[segment.number], segment_of, rootless)
            taken |= chosen[segment.number]
    for segment in segments:
        if not segment.roots:
            nodes = [node for node in within[segment.number] if node.id not in taken]
            chosen[segment.number] = _of_calls(run, segment, nodes)
    parts = [(segments[index], ids) for index, ids in sorted(_by_position(segments, chosen))]
    found = [(segment, ids) for segment, ids in parts if ids]
    if not found and run.nodes:
        found = [(segments[-1], set(run.node_by_id))]
    return tuple(
        _cut(run, segment, ids, {**_merged(grads, segment, segment_of, ids)}, number)
        for number, (segment, ids) in enumerate(found, 1)
    )


def segment_of(run: Graph, segments: Sequence[Segment]) -> dict[int, int]:
    """Number of the segment that each node of a run fell in, by node id."""
    firsts = [segment.first for segment in segments]
    return {node.id: bisect.bisect_right(firsts, node.id) - 1 for node in run.nodes}


def whole(run: Graph, segments: Sequence[Segment], grads: Mapping[int, Mapping[int, Gradient]]) -> Graph:
    """The whole run as one graph; its loss is the last value that a backward started from."""
    roots = [root for segment in segments for root in segment.roots]
    error = next((segment.error for segment in segments if segment.error is not None), None)
    everything = Segment(0, roots=roots[-1:], error=error)
    merged = {value: grad for number in sorted(grads) for value, grad in grads[number].items()}
    return _cut(run, everything, set(run.node_by_id), merged, 1)


def _by_position(segments: Sequence[Segment], chosen: Mapping[int, set[int]]) -> Iterable[tuple[int, set[int]]]:
    return ((index, chosen[segment.number]) for index, segment in enumerate(segments))


def _merged(
    grads: Mapping[int, Mapping[int, Gradient]], segment: Segment, segment_of: Mapping[int, int], ids: Collection[int]
) -> Mapping[int, Gradient]:
    """The gradients of a pass: those of its own segment, or of every segment when it is the whole run."""
    if segment.roots or grads.get(segment.number):
        return grads.get(segment.number, {})
    merged: dict[int, Gradient] = {}
    for number in sorted({segment_of[node] for node in ids}):
        merged.update(grads.get(number, {}))
    return merged


def _ancestors(run: Graph, start: Iterable[int], allowed: Any, into: set[int]) -> None:
    """Adds to `into` the nodes that the values `start` were computed from, as far as `allowed(node)` and parameters."""
    stack = list(start)
    while stack:
        value = run.value_by_id.get(stack.pop())
        if value is None or value.kind in ("parameter", "buffer"):
            continue
        node = run.producer.get(value.id)
        if node is None or node.id in into or not allowed(node):
            continue
        into.add(node.id)
        stack.extend(node.inputs)


def _of_roots(
    run: Graph, segment: Segment, own: Sequence[Node], segment_of: Mapping[int, int], rootless: set[int]
) -> set[int]:
    """The nodes of a segment that ended in a backward."""
    visited = segment.visited

    def allowed(node: Node) -> bool:
        at = segment_of[node.id]
        if node.phase != "forward":
            return node.phase == "backward" and at == segment.number
        return at == segment.number or node.id in visited or (at in rootless and at < segment.number)

    ids: set[int] = set()
    _ancestors(run, segment.roots, allowed, ids)
    for node in sorted(visited):
        if node in run.node_by_id:
            ids.add(node)
            _ancestors(run, run.node_by_id[node].inputs, allowed, ids)
    ids |= {node.id for node in own if node.phase != "forward"}
    _descendants(run, [node for node in own if node.phase == "forward"], allowed, ids)
    return ids


def _of_calls(run: Graph, segment: Segment, nodes: Sequence[Node]) -> set[int]:
    """The nodes of a segment without a backward: its module calls and what is connected with them."""
    forward = [node for node in nodes if node.phase == "forward"]
    own = {node.id for node in forward}
    seeds = [node for node in forward if any(scope.kind == "module" for scope in run.path(node.scope))]
    if segment.error is not None:
        seeds += [node for node in forward if node.error is not None] or forward[-1:]
    ids = {node.id for node in seeds}
    for node in seeds:
        _ancestors(run, node.inputs, lambda other: other.id in own, ids)
    _descendants(run, forward, lambda other: other.id in own, ids)
    return ids


def _descendants(run: Graph, forward: Sequence[Node], allowed: Any, ids: set[int]) -> None:
    """Adds the later nodes that read what a chosen node made, each with what else it was computed from."""
    chosen = (run.node_by_id[node] for node in ids)
    made = {value for node in chosen if node.phase == "forward" for value in node.outputs}
    for node in forward:
        if node.id in ids or not any(value in made for value in node.inputs):
            continue
        before = set(ids)
        ids.add(node.id)
        _ancestors(run, node.inputs, allowed, ids)
        made.update(value for new in ids - before for value in run.node_by_id[new].outputs)


def _cut(run: Graph, segment: Segment, ids: set[int], grads: Mapping[int, Gradient], number: int) -> Graph:
    """The graph of the chosen nodes, with the facts that hold in this pass."""
    nodes = tuple(
        node if node.forward is None or node.forward in ids else changed(node, forward=None)
        for node in map(run.node_by_id.__getitem__, sorted(ids))  # the order in which they ran
        if node.error is None or segment.error is not None  # else the program caught it
    )
    facts = _facts(nodes, segment, grads)
    found = (run.value_by_id[value] for value in sorted(facts.wanted) if value in run.value_by_id)
    values = tuple([_in_pass(value, facts) for value in found])
    scopes = _scopes(run, nodes, facts.wanted)
    graph = Graph(run.name, nodes, values, scopes, meta=run.meta)
    meta = {**run.meta, "pass": number}
    loss = next((root for root in segment.roots if root in graph.value_by_id), None)
    if loss is not None:
        meta["loss"] = loss
    if segment.error is not None:
        meta["error"] = segment.error
    ends = tuple(root for root in dict.fromkeys(segment.roots) if root in graph.value_by_id) or _ends(graph)
    line = segment.line or _line(graph, ends)
    if line is not None:
        meta["line"] = line
    return replace(graph, inputs=_inputs(graph), outputs=ends, meta=meta)


def _scopes(run: Graph, nodes: Iterable[Node], wanted: set[int]) -> tuple[Scope, ...]:
    """The scopes around the nodes, with those of their inputs and outputs that are in the pass."""
    used: set[int] = set()
    for node in nodes:
        scope = node.scope
        while scope is not None and scope not in used:
            used.add(scope)
            scope = run.scope_by_id[scope].parent
    return tuple([_within(run.scope_by_id[scope], wanted) for scope in sorted(used)])


def _within(scope: Scope, wanted: set[int]) -> Scope:
    if wanted.issuperset(scope.inputs) and wanted.issuperset(scope.outputs):
        return scope
    inputs, outputs = (tuple([ref for ref in refs if ref in wanted]) for refs in (scope.inputs, scope.outputs))
    return changed(scope, inputs=inputs, outputs=outputs)


class _Facts(NamedTuple):
    """What there is to know of the values of a pass, by their ids.

    Attributes:
        wanted: Those that are in it.
        made: Those that it made.
        explain: Those of which a reader could expect a gradient.
        saved: Those that autograd kept for the backward.
        grads: The gradients that arrived.
    """

    wanted: set[int]
    made: set[int]
    explain: set[int]
    saved: set[int]
    grads: Mapping[int, Gradient]


def _facts(nodes: Sequence[Node], segment: Segment, grads: Mapping[int, Gradient]) -> _Facts:
    made = _distinct([node.outputs for node in nodes])
    read = _distinct([node.inputs for node in nodes])
    explain = _distinct([node.inputs for node in nodes if node.phase == "forward"]) if segment.roots else set()
    return _Facts(made | read | set(segment.roots), made, explain, _saved(nodes), grads)


def _in_pass(value: Value, facts: _Facts) -> Value:
    """A value as this pass knows it: what another pass computed comes from outside here."""
    number = value.id
    changes: dict[str, Any] = {}
    if value.kind == "result" and number not in facts.made:
        changes["kind"] = "input"
    elif value.kind == "parameter" and number in facts.explain and number not in facts.grads:
        changes["no_grad_reason"] = "no path to the loss" if value.requires_grad else "requires_grad is False"
    if number in facts.grads:
        changes["grad"], gradient = facts.grads[number]
        changes["gradient"] = gradient if gradient in facts.wanted else None
    if value.view_of is not None and value.view_of not in facts.wanted:
        changes["view_of"] = None
    if value.version_of is not None and value.version_of not in facts.wanted:
        changes["version_of"] = None
    if number in facts.saved:
        changes["saved_for_backward"] = True
    return changed(value, **changes) if changes else value  # most are as they were


def _saved(nodes: Sequence[Node]) -> set[int]:
    """Values made in forward, or coming from outside, that the backward of a kernel read: autograd had kept them.

    What differentiates no kernel starts backward off at the loss, or adds to a gradient that is there already.
    """
    later = _distinct([node.outputs for node in nodes if node.phase != "forward"])
    read = _distinct([node.inputs for node in nodes if node.phase == "backward" and node.forward is not None])
    return read - later


def _distinct(refs: Iterable[Iterable[int]]) -> set[int]:
    return set(itertools.chain.from_iterable(refs))


def _inputs(graph: Graph) -> tuple[int, ...]:
    read = _distinct([node.inputs for node in graph.nodes if node.phase == "forward"])
    return tuple(value.id for value in graph.values if value.kind == "input" and value.id in read)


def _ends(graph: Graph) -> tuple[int, ...]:
    """Where a pass without a backward ends: results that a call handed back and nothing read.

    Of several that one call handed back (an LSTM's states) those that nothing read are left aside where another was
    read, unless an outermost call handed them to the program.
    """
    read = {value for node in graph.nodes for value in node.inputs}
    handed = {value for scope in graph.scopes for value in scope.outputs}
    aside = {value for scope in graph.scopes if not read.isdisjoint(scope.outputs) for value in scope.outputs}
    aside -= {value for scope in graph.scopes if scope.parent is None for value in scope.outputs}
    ends = handed - read - aside
    return tuple(value.id for value in graph.values if value.kind == "result" and value.id in ends)


def _line(graph: Graph, ends: Sequence[int]) -> int | None:
    """The line that a pass without a backward ends at: of its last outermost call, if it stands in the script."""
    outermost = [scope for scope in graph.scopes if scope.parent is None and scope.source is not None]
    calls = [scope for scope in outermost if not set(scope.outputs).isdisjoint(ends)] or outermost
    source = calls[-1].source if calls else None
    return source.line if source is not None and source.file == graph.meta.get("script", source.file) else None
