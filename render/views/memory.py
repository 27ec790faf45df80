"""Whose memory tensors live in, and how much of what is kept for backward lies in what was closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tracer.graph import Graph, Node, Value


def roots(graph: Graph) -> Mapping[int, int]:
    """For each value, the one whose memory it lives in: views and versions written in place live in another's."""
    found: dict[int, int] = {}
    for value in graph.values:
        chain = []
        each: Value | None = value
        while each is not None and each.id not in found:
            chain.append(each.id)
            found[each.id] = each.id  # stands for an end, also where records lead round in a circle
            above = each.view_of if each.view_of is not None else each.version_of
            each = None if above is None else graph.value_by_id.get(above)
        end = found[each.id] if each is not None else chain[-1]
        found.update(dict.fromkeys(chain, end))
    return found


def met(nodes: Iterable[Node]) -> Mapping[int, None]:
    """The values that operations read or make, in their order."""
    return dict.fromkeys(value for node in nodes for value in (*node.inputs, *node.outputs))


def kept_inside(
    graph: Graph, parts: Sequence[Sequence[Node]], shown: Iterable[Node], times: Callable[[int, Node], int]
) -> list[int]:
    """How many bytes of new memory are kept for backward in each part, of what is not met outside of it.

    Args:
        graph: As it was before parts were closed.
        parts: The operations of each.
        shown: The operations that stand for the parts now.
        times: How often an operation of a part, which is given by its number, ran in it.
    """
    kept = [value for value in graph.values if value.saved_for_backward and value is not graph.loss]
    if not kept:
        return [0] * len(parts)
    root = roots(graph)
    sizes = {root[value.id]: graph.value_by_id[root[value.id]].nbytes or value.nbytes for value in reversed(kept)}
    left = {each for each in sizes if graph.value_by_id[each].kind == "result"}
    left.difference_update(root[value] for value in met(shown))
    found = [0] * len(parts)
    for number, part in enumerate(parts):
        for node in part:
            inside = {root[value] for value in node.outputs} & left
            found[number] += times(number, node) * sum(sizes[each] for each in inside)
            left -= inside
    return found
