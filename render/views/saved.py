"""The view `saved`: which tensors are kept for backward, and how many bytes they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from render import text
from render.views import register
from render.views.subgraph import note
from tracer.graph import Graph, Value


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that is kept for backward.

    Attributes:
        bytes: Size of its memory.
        storage: The first tensor that is kept in the same memory; itself where there is none before.
    """

    bytes: int
    storage: int


@register("saved", help_text="which tensors are kept for backward, with their bytes, shared memory once")
def saved(graph: Graph) -> Graph:
    """The graph with a mark on every tensor that autograd keeps for backward, and the sum in a note.

    Views and versions written in place share the memory of the tensor they come from, which is counted once, whole:
    keeping a part of it keeps it all. Parameters and inputs that are kept take no memory of their own.

    Args:
        graph: Any graph whose capture noted what is kept.
    """
    marks = _marks(graph)
    if not marks:
        return note(graph, "nothing is kept for backward") if graph.nodes else graph
    meta = {**graph.meta, "saved": tuple((value, each.bytes, each.storage) for value, each in marks.items())}
    return note(replace(graph, meta=meta), _sum(graph, marks))


def kept(graph: Graph) -> Mapping[int, Kept]:
    """What the view `saved` has marked, by value id; empty where it was not asked for."""
    rows = graph.meta.get("saved", ())
    sound = isinstance(rows, (list, tuple)) and all(_is_row(row) for row in rows)
    return {row[0]: Kept(row[1], row[2]) for row in rows} if sound else {}


def _is_row(row: object) -> bool:
    return isinstance(row, (list, tuple)) and len(row) == 3 and all(isinstance(each, int) for each in row)


def _marks(graph: Graph) -> Mapping[int, Kept]:
    roots = _roots(graph)
    first: dict[int, int] = {}
    found = {}
    for value in graph.values:
        if value.saved_for_backward and value is not graph.loss:  # which is read for its shape, to begin with
            root = roots[value.id]
            whole = graph.value_by_id[root].nbytes or value.nbytes
            found[value.id] = Kept(whole, first.setdefault(root, value.id))
    return found


def _roots(graph: Graph) -> Mapping[int, int]:
    """For each value, the one whose memory it lives in."""
    roots: dict[int, int] = {}
    for value in graph.values:
        chain = []
        each: Value | None = value
        while each is not None and each.id not in roots:
            chain.append(each.id)
            roots[each.id] = each.id  # stands for an end, also where records lead round in a circle
            above = each.view_of if each.view_of is not None else each.version_of
            each = None if above is None else graph.value_by_id.get(above)
        end = roots[each.id] if each is not None else chain[-1]
        roots.update(dict.fromkeys(chain, end))
    return roots


def _sum(graph: Graph, marks: Mapping[int, Kept]) -> str:
    roots = _roots(graph)
    storages = {roots[value]: each.bytes for value, each in marks.items()}
    given = sum(size for root, size in storages.items() if graph.value_by_id[root].kind != "result")
    made = sum(storages.values()) - given
    tensors = f"{text.count(len(marks))} tensor{'' if len(marks) == 1 else 's'}"
    there = f"; {text.size(given)} more are parameters and inputs, there in any case" if given else ""
    return f"kept for backward: {tensors}, {text.size(made)} of results{there}"
