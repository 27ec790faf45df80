"""The view `roll`: a loop drawn once, with what each turn hands on to the next."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from render import text
from render.errors import check_count
from render.views import register
from render.views.merging import drawn_once, merged
from render.views.repeats import Item, Likeness
from render.views.runs import Run
from render.views.subgraph import note
from tracer.graph import Graph, Node, Scope


@register("roll", help_text="a loop drawn once: how often it ran, and what each turn hands on to the next")
def roll(graph: Graph, *, turns: int = 2) -> Graph:
    """The graph with loops drawn once, loops in plain code as well as modules that are called again and again.

    A loop is where the same lines run again and again, each turn on results of the one before, or where the same
    weights are used again. Of its turns the last is drawn; the first turn's start stands in place of what is carried.
    A first or last turn in which some lines did not run counts as well, and the title of the loop names these lines.

    Args:
        graph: Any graph.
        turns: Leave loops alone that turned fewer times.

    Raises:
        RenderError: `turns` is below 2.
    """
    check_count("roll:turns", turns, 2)

    def is_loop(run: Run, row: Sequence[Item]) -> bool:
        again = run.carried or run.weights
        return len(run.every) >= max(2, turns) and run.same_weights and bool(again)

    rolled = merged(graph, SAME_LINES, is_loop, carries=True)
    forward = {scope.id for node in rolled.nodes if node.phase == "forward" for scope in rolled.path(node.scope)}
    number = sum(scope.id in forward for scope in drawn_once(graph, rolled)) or len(drawn_once(graph, rolled))
    return note(rolled, told(number)) if number else graph


def told(number: int) -> str:
    """What is said of so many loops."""
    loops = f"{text.count(number)} loops are" if number > 1 else "a loop is"
    return f"{loops} drawn once, with the numbers of the last turn"


def _node(graph: Graph, node: Node) -> Hashable:
    return (node.op, node.target, node.phase, node.error is None)


def _scope(scope: Scope) -> Hashable:
    where = None if scope.source is None else (scope.source.file, scope.source.line, scope.source.column)
    return (scope.kind, scope.name, scope.type, where, scope.attrs.get("turns"))


SAME_LINES: Final = Likeness(_node, _scope, lambda item: None)
