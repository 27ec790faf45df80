"""The view `saved`: which tensors are kept for backward, and how many bytes they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from render import text
from render.views import register
from render.views.memory import met, roots
from render.views.subgraph import note
from tracer.graph import Graph, Value


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that is kept for backward.

    Attributes:
        bytes: Size of its memory.
        storage: The first tensor that is marked in the same memory; itself where there is none before.
    """

    bytes: int
    storage: int


@register("saved", help_text="which tensors are kept for backward, with their bytes, shared memory once")
def saved(graph: Graph) -> Graph:
    """The graph with a mark on every tensor that autograd keeps for backward, and the sum in a note.

    Views and versions written in place share the memory of the tensor they come from, which is counted once, whole:
    keeping a part of it keeps it all. Parameters and inputs that are kept take no memory of their own. What a closed
    function or module keeps inside, its box says.

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
    """A mark for each tensor that is kept, and where none of those that share memory is drawn, for one that is."""
    root, drawn = roots(graph), met(graph.nodes)
    kept = [value.id for value in _kept(graph)]
    first: dict[int, int] = {}
    for value in (*(each for each in kept if each in drawn), *drawn, *kept):
        first.setdefault(root[value], value)
    sizes = {
        root[value]: graph.value_by_id[root[value]].nbytes or graph.value_by_id[value].nbytes for value in kept[::-1]
    }
    marked = dict.fromkeys((*kept, *(first[each] for each in sizes)))
    return {value: Kept(sizes[root[value]], first[root[value]]) for value in sorted(marked)}


def _kept(graph: Graph) -> list[Value]:
    """The tensors that autograd keeps, but for the loss, which is read for its shape, to begin with."""
    return [value for value in graph.values if value.saved_for_backward and value is not graph.loss]


def _sum(graph: Graph, marks: Mapping[int, Kept]) -> str:
    root = roots(graph)
    storages = {root[value]: each.bytes for value, each in marks.items()}
    given = sum(size for each, size in storages.items() if graph.value_by_id[each].kind != "result")
    made = sum(storages.values()) - given
    number = len(_kept(graph))
    tensors = f"{text.count(number)} tensor{'' if number == 1 else 's'}"
    there = f"; {text.size(given)} more are parameters and inputs, there in any case" if given else ""
    return f"kept for backward: {tensors}, {text.size(made)} of results{there}"
