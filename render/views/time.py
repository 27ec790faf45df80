"""The view `time`: a loop laid out along time, one column a turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from render import text
from render.errors import RenderError
from render.views import register
from render.views.finding import Found, runs_of
from render.views.merging import SKIPPED, Plan
from render.views.repeats import items
from render.views.roll import SAME_LINES
from render.views.runs import Run, initial
from render.views.subgraph import note
from tracer.graph import Graph, Node, Scope


@register("time", help_text="a loop along time: one column a turn, its number above, weights once beside them")
def time(graph: Graph, *, steps: int = 6) -> Graph:
    """The graph with a scope around each turn of its loops, which the picture draws as columns.

    Loops are those of `roll` that hand something on. Of a loop with more turns the first and the last are drawn, and
    one operation stands for those in between. Loops inside a turn stay as they are.

    Args:
        graph: Any graph.
        steps: How many turns of a loop to draw, at least 2.

    Raises:
        RenderError: `steps` is less than 2.
    """
    if steps < 2:
        raise RenderError(f"time:steps must be 2 or more, not {steps}: the first and the last turn are always drawn")
    plan, within = Plan(graph, carries=False), set[int | None]()
    skipped = 0
    for parent, inside in items(graph, SAME_LINES).items():
        if parent in within or (parent is not None and graph.scope_by_id[parent].parent in within):
            within.add(parent)
            continue
        for found in runs_of(graph, inside, SAME_LINES):
            if found.run.carried and found.run.same_weights and found.run.turns[0][0].phase == "forward":
                within.update(item.scope.id for row in found.rows for item in row if item.scope is not None)
                skipped += _columns(plan, found, parent, steps)
    if not plan.loops:
        return graph
    laid_out = plan.carried_out()
    turns = f"{text.count(skipped)} turns" if skipped > 1 else "1 turn"
    return (
        note(laid_out, f"not drawn: {turns} in between; --view time:steps={2 * steps} draws more")
        if skipped
        else laid_out
    )


def _columns(plan: Plan, found: Found, home: int | None, steps: int) -> int:
    """Plans a scope for each turn that is drawn; how many are not."""
    run, rows = found.run, found.rows
    last = len(rows) - 1
    first_left_out = steps - 1 if len(rows) > steps else last
    given, results = _given(plan.graph, run), tuple(plan.graph.outputs)
    for number in (*range(first_left_out), last):
        facts = {"step": number, "steps": len(rows)}
        turn = Scope(-1, home, "loop", f"t = {number + 1}", inputs=given, outputs=results, attrs=facts)
        plan.enclose(rows[number], turn)
    if first_left_out < last:
        _skip(plan, run, range(first_left_out, last), home)
    return last - first_left_out


def _given(graph: Graph, run: Run) -> tuple[int, ...]:
    """What turns are given from outside: the start of what they hand on, and what several of them read."""
    read = Counter(value for turn in run.every for value in dict.fromkeys(_operands(turn.values())))
    starts = (initial(run, carried) for carried in run.carried)
    return tuple(
        dict.fromkeys((*(each for each in starts if each is not None), *(v for v, n in read.items() if n > 1)))
    )


def _skip(plan: Plan, run: Run, left_out: range, home: int | None) -> None:
    """Plans one operation in place of turns, and one in place of what backward ran for them."""
    whole = (run.every[each].items() for each in left_out)
    turns = [{place: node for place, node in turn if node.phase == "forward"} for turn in whole]
    for turn in turns[:-1]:
        for place, other in turns[-1].items():
            plan.values.update(zip(turn[place].outputs, other.outputs, strict=False))
    forward = [turn[place] for place in turns[-1] for turn in turns]
    back = _gradients(plan.graph, forward)
    before = run.every[left_out[0] - 1]
    handed = (each.made for each in run.carried if each.made[0] in before)
    inputs = dict.fromkeys(before[place].outputs[position] for place, position in handed)
    facts = {"step": left_out[0], "turns": len(left_out)}
    name = f"… {text.count(len(left_out))} more"
    free = max(node.id for node in plan.graph.nodes) + 1 + len(plan.replaced)
    stands = Node(free, name, SKIPPED, inputs=tuple(inputs), scope=home, attrs=facts)
    plan.stand_for(stands, forward, turns[-1][max(turns[-1])], beside=back)
    if back:
        read = dict.fromkeys(value for value in _operands(back) if value not in {*_results(back), *_results(forward)})
        stands = Node(free + 1, name, SKIPPED, "backward", tuple(read), scope=home, forward=free, attrs=facts)
        plan.stand_for(stands, back, back[-1], beside=forward)


def _gradients(graph: Graph, forward: Sequence[Node]) -> list[Node]:
    """What backward ran for operations, and the sums of nothing but that."""
    meant = {node.id for node in forward}
    made: set[int] = set()
    found = []
    for node in graph.nodes:
        of_these = node.forward in meant if node.forward is not None else made.issuperset(node.inputs)
        if node.phase == "backward" and of_these and node.inputs:
            found.append(node)
            made.update(node.outputs)
    return found


def _operands(nodes: Iterable[Node]) -> Iterable[int]:
    return (value for node in nodes for value in node.inputs)


def _results(nodes: Iterable[Node]) -> Iterable[int]:
    return (value for node in nodes for value in node.outputs)
