"""Puts a module around what may be drawn as one where a page has no room for more.

That is operations that follow each other beside larger modules, and modules of one list (`down_blocks.0`,
`down_blocks.1`).
They ran one directly after the other, so that one operation in their place neither feeds itself nor waits for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from render import text
from render.families import sign
from render.views.merging import Plan, turns
from render.views.repeats import Item, contents
from tracer.graph import Graph, Node, Scope

LEAST: Final = 3  # fewer operations are as well drawn one by one
OPERATIONS, MODULES = "operations", "modules"  # what `attrs["bundle"]` says of such a module


def bundled(graph: Graph) -> Graph:
    """The graph with a module around every three or more operations, and around the modules of every list.

    What lies outside of all modules is the author's own, and stays.

    Args:
        graph: Any graph; its calls are to be closed to functions already.
    """
    plan = Plan(graph, carries=False)
    for home, sequence in contents(graph).items():
        if home is None or all(len(item.nodes) == 1 for item in sequence):
            continue
        for row in _runs(sequence):
            kind = MODULES if any(map(_is_module, row)) else OPERATIONS
            plan.enclose(row, Scope(-1, home, "module", _ends(row), attrs={"bundle": kind}))
        for name, row in _lists(sequence, graph.scope_by_id[home]):
            kind = f"{text.count(sum(turns(item.scope) for item in row if item.scope is not None))} modules"
            plan.enclose(row, Scope(-1, home, "module", name, kind, attrs={"bundle": MODULES}))
    return plan.carried_out() if plan.loops else graph


def unbundled(graph: Graph, opened: Collection[int]) -> Graph:
    """The graph without those of these scopes that are such modules, by id: all lies where it did."""
    parent = {scope.id: scope.parent for scope in graph.scopes if scope.id in opened and "bundle" in scope.attrs}
    if not parent:
        return graph
    nodes = (replace(node, scope=parent[node.scope]) if node.scope in parent else node for node in graph.nodes)
    kept = (scope for scope in graph.scopes if scope.id not in parent)
    scopes = (replace(scope, parent=parent[scope.parent]) if scope.parent in parent else scope for scope in kept)
    return replace(graph, nodes=tuple(nodes), scopes=tuple(scopes))


def joined(graph: Graph) -> Graph:
    """The graph with one result alone of several that an operation reads of one other: one arrow between two boxes."""
    ends = {*graph.outputs, *(() if graph.loss is None else (graph.loss.id,))}

    def kept(node: Node) -> Iterator[int]:
        makers = set[int]()
        for value in node.inputs:
            maker = graph.producer.get(value)
            if maker is None or maker.id not in makers or value in ends:
                yield value
            makers.update(() if maker is None else (maker.id,))

    inputs = {node.id: tuple(kept(node)) for node in graph.nodes}
    if all(inputs[node.id] == node.inputs for node in graph.nodes):
        return graph
    return replace(graph, nodes=tuple(replace(node, inputs=inputs[node.id]) for node in graph.nodes))


def is_run(scope: Scope) -> bool:
    """Whether a scope is a module around mere operations."""
    return scope.kind == "module" and scope.attrs.get("bundle") == OPERATIONS


def _runs(sequence: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Operations of forward that follow each other, none of which failed."""
    for is_operation, row in groupby(sequence, _is_operation):
        found = list(row)
        if is_operation and len(found) >= LEAST:
            yield found


def _is_operation(item: Item) -> bool:
    return len(item.nodes) == 1 and item.nodes[0].phase == "forward" and item.nodes[0].error is None


def _ends(row: Sequence[Item]) -> str:
    """The first and the last module, or else operation; with no dot in it, for it is no path."""
    modules = [item for item in row if _is_module(item)]
    names = [_name(item).replace("...", "…").replace(".", "·") for item in modules or row]
    return " … ".join(dict.fromkeys((names[0], names[-1])))


def _name(item: Item) -> str:
    """The last part of a module's name, or the operation."""
    own = item.scope.name.rpartition(".")[2] if item.scope is not None and _is_module(item) else ""
    return own if own and not own.isdigit() else sign(item.nodes[0].op)


def _lists(sequence: Sequence[Item], home: Scope) -> Iterator[tuple[str, Sequence[Item]]]:
    """Modules that follow each other in a list of modules of the home's, with the name of the list."""
    for name, row in groupby(sequence, _list):
        found = list(row)
        if name not in ("", home.name) and len(found) > 1:
            yield name, found


def _list(item: Item) -> str:
    """The list that a module is in by its name; empty where it is in none."""
    name, _, number = item.scope.name.rpartition(".") if item.scope is not None and _is_module(item) else ("", "", "")
    is_forward = all(node.phase == "forward" and node.error is None for node in item.nodes)
    return name if number.isdigit() and is_forward else ""


def _is_module(item: Item) -> bool:
    return item.scope is not None and item.scope.kind == "module"
