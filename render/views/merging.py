"""Draws what repeats once: of turns that do the same the last one stays, and what read the others reads that one.

The scope around it says so in its `attrs`: `turns`, how often it ran; `alike`, the names of the first and the last
where each had weights of its own; `carried`, pairs of a value and the operation that reads it in the turn that follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from render.views.finding import Found, runs_of
from render.views.repeats import Item, Likeness, items
from render.views.runs import Carried, Run, initial
from render.views.subgraph import scopes_of
from tracer.graph import Graph, Node, Scope

SKIPPED: Final = "loop.skipped"  # the target of such an operation
FIRST: Final = "t = 1"  # the first turn of a loop
Accepts = Callable[[Run, Sequence[Item]], bool]


def turns(scope: Scope) -> int:
    """How many turns a loop or module stands for; 1 where it ran once, and for functions, whose attrs are arguments."""
    found = scope.attrs.get("turns") if scope.kind != "function" else None
    return found if isinstance(found, int) and found > 1 else 1


def step(scope: Scope) -> int | None:
    """Which turn of a loop the scope is, counted from 0, where each has a scope of its own; None for all else."""
    found = scope.attrs.get("step") if scope.kind == "loop" else None
    return found if isinstance(found, int) else None


def skipped_from(node: Node) -> int | None:
    """The first turn that an operation stands for in place of turns of a loop that are not drawn; None for others."""
    found = node.attrs.get("step") if node.target == SKIPPED else None
    return found if isinstance(found, int) else None


def turn_of(graph: Graph, node: Node) -> str:
    """The turn that an operation stands for whole, as `t = 2`, or the turns, as `t = 3 … 199`; empty for all others."""
    first, more = skipped_from(node), node.attrs.get("turns")
    if first is not None and isinstance(more, int):
        return f"t = {first + 1}" if more == 1 else f"t = {first + 1} … {first + more}"
    scope = None if node.scope is None else graph.scope_by_id[node.scope]
    return node.op if scope is not None and step(scope) is not None and node.op == scope.name else ""


def alike(scope: Scope) -> tuple[str, ...]:
    """Names of the first and the last of the copies that a scope stands for; empty where the weights are the same."""
    found = scope.attrs.get("alike") if turns(scope) > 1 else None
    return tuple(map(str, found)) if isinstance(found, tuple) and len(found) == 2 else ()


def lacking(scope: Scope, which: str) -> tuple[str, ...]:
    """The operations of a loop that did not run in its first, or its last, turn."""
    found = scope.attrs.get(f"{which} without") if turns(scope) > 1 else None
    return tuple(map(str, found)) if isinstance(found, tuple) else ()


def first_and_last(scope: Scope) -> tuple[str, ...]:
    """Names of the first and the last copy, of the last what the first does not say (`blocks.0`, `11`)."""
    names = alike(scope)
    if not names:
        return ()
    first, last = names
    around = first[: first.rfind(".") + 1]
    return first, last.removeprefix(around) or last


def copies(graph: Graph, *, weights: bool) -> Mapping[int | None, int]:
    """For each scope (None: outside of all), how many of what lies in it there are in all.

    Args:
        graph: Any graph.
        weights: Whether to count sets of weights rather than turns.
    """
    found: dict[int | None, int] = {None: 1}
    for scope in graph.scopes:
        found[scope.id] = found[scope.parent] * (turns(scope) if alike(scope) or not weights else 1)
    return found


def drawn_once(before: Graph, after: Graph) -> list[Scope]:
    """The scopes of `after` that stand for more turns than they did in `before`."""
    known = {scope.id: turns(scope) for scope in before.scopes}
    return [scope for scope in after.scopes if turns(scope) > known.get(scope.id, 1)]


def carried(scope: Scope) -> tuple[tuple[int, int], ...]:
    """What each turn hands on to the next: ids of a value and of the operation that reads it."""
    found = scope.attrs.get("carried") if turns(scope) > 1 else None
    pairs = found if isinstance(found, tuple) else ()
    return tuple((each[0], each[1]) for each in pairs if isinstance(each, tuple) and len(each) == 2)


def merged(graph: Graph, likeness: Likeness, accepts: Accepts, *, carries: bool) -> Graph:
    """The graph with every run that `accepts` takes drawn once, in outer scopes before inner ones.

    Args:
        graph: Any graph.
        likeness: What makes turns alike.
        accepts: Says of a run, and the items of one of its turns, whether to draw it once.
        carries: Whether to say what each turn hands on to the next.
    """
    plan = Plan(graph, carries)
    for parent, inside in items(graph, likeness).items():
        if parent in plan.removed or (parent is not None and graph.scope_by_id[parent].parent in plan.removed):
            plan.removed.add(parent)
            continue
        work = deque([(parent, inside)])
        while work:
            home, sequence = work.popleft()
            for found in runs_of(graph, sequence, likeness if carries else None):
                if accepts(found.run, found.kept):
                    work.append((plan.merge(found, home), found.kept))
    return plan.carried_out() if plan.nodes else graph


@dataclass
class Plan:
    """What is to be done to a graph.

    Attributes:
        graph: As it was.
        carries: Whether scopes say what is carried.
        removed: Scopes of turns that are not drawn.
        nodes: Operations of such turns, and which stays in place of each.
        values: Their results likewise.
        operands: Operands of operations that stay, where they change; None for one that falls away.
        starts: For scopes in a turn that stays: what stands in place of results of the turn before, inner loops last.
        replaced: Operations that stand at the place of another, by its id.
        loops: New scopes, outer ones first.
        moved: Where scopes and operations lie now: by `("scope", id)` or `("node", id)`, the id of a new scope.
        facts: What scopes say of themselves besides, by id.
    """

    graph: Graph
    carries: bool
    removed: set[int | None] = field(default_factory=set)
    nodes: dict[int, int] = field(default_factory=dict)
    values: dict[int, int] = field(default_factory=dict)
    operands: dict[int, list[int | None]] = field(default_factory=dict)
    starts: dict[int, list[Mapping[int, int | None]]] = field(default_factory=dict)
    replaced: dict[int, Node] = field(default_factory=dict)
    loops: dict[int, Scope] = field(default_factory=dict)
    moved: dict[tuple[str, int], int] = field(default_factory=dict)
    facts: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def merge(self, found: Found, home: int | None) -> int | None:
        """Plans to draw a run once, and gives the scope in which the items of the turn that stays lie then."""
        run, kept = found.run, found.run.turns[-1]
        for number, stays in enumerate(kept):
            shown = run.last.get(number, stays).outputs  # numbers are those of the last turn
            for node in (turn[number] for turn in run.every if number in turn):
                self.nodes.update({node.id: stays.id} if node is not stays else {})
                self.values.update(pair for pair in self._same_results(node.outputs, shown) if pair[0] != pair[1])
        going = (item for row in found.rows if row is not found.kept for item in row)
        self.removed.update(item.scope.id for item in going if item.scope is not None)
        starts: dict[int, int | None] = {}
        for carried in run.carried:
            reader = kept[carried.read[0]]
            start = starts[reader.inputs[carried.read[1]]] = self._initial(run, carried)
            self.operands.setdefault(reader.id, list(reader.inputs))[carried.read[1]] = start
        for scope in self._within(kept, home):
            self.starts.setdefault(scope, []).append(starts)
        return self._describe(found.kept, self._facts(found), home)

    def _same_results(self, outputs: Sequence[int], others: Sequence[int]) -> Iterable[tuple[int, int]]:
        """Results that correspond: all in their order, or of fewer each with the next one of its shape."""
        if len(outputs) == len(others):
            return zip(outputs, others, strict=True)
        shapes = {value: self.graph.value_by_id[value].shape for value in (*outputs, *others)}
        rest = iter(others)
        pairs = ((value, next((each for each in rest if shapes[each] == shapes[value]), None)) for value in outputs)
        return ((value, other) for value, other in pairs if other is not None)

    def _within(self, nodes: Iterable[Node], home: int | None) -> set[int]:
        """The scopes that lie in `home` and hold some of the operations."""
        found: set[int] = set()
        for node in nodes:
            scope = node.scope
            while scope is not None and scope != home and scope not in found:
                found.add(scope)
                scope = self.graph.scope_by_id[scope].parent
        return found

    def _initial(self, run: Run, carried: Carried) -> int | None:
        """What stands in place of a carried operand: what the first turn read, as an outer run has changed it."""
        first, value = run.every[0].get(carried.read[0]), initial(run, carried)
        if first is None or value is None:
            return None
        return self.operands.get(first.id, list(first.inputs))[carried.read[1]]

    def _describe(self, row: Sequence[Item], facts: Mapping[str, Any], home: int | None) -> int | None:
        """Has a single module say itself how often it ran; several items get a scope around them."""
        if len(row) == 1 and row[0].scope is not None and row[0].scope.kind == "module":
            self.facts[row[0].scope.id] = facts
            return row[0].scope.id
        return self.enclose(row, Scope(-1, home, "loop", attrs=facts))

    def enclose(self, row: Sequence[Item], scope: Scope) -> int:
        """Plans a new scope around items that lie in its parent; gives the id that it gets."""
        number = self.free + len(self.loops)
        source = next((item.scope.source for item in row if item.scope is not None and item.scope.source), None)
        self.loops[number] = replace(scope, id=number, source=source)
        for item in row:
            key = ("node", item.nodes[0].id) if item.scope is None else ("scope", item.scope.id)
            self.moved[key] = number
        return number

    def stand_for(self, stands: Node, nodes: Sequence[Node], place: Node, *, beside: Sequence[Node] = ()) -> None:
        """Plans to have one operation in place of many, which makes what any other than these and those beside reads.

        Args:
            stands: The operation, without results.
            nodes: What falls away.
            place: The one of them where it stands.
            beside: Others that fall away.
        """
        self.nodes.update(dict.fromkeys((node.id for node in nodes), stands.id))
        gone = {node.id for node in (*nodes, *beside)}
        made = (
            self.values.get(value, value)
            for node in nodes
            for value in node.outputs
            if any(reader.id not in gone for reader in self.graph.consumers.get(value, ()))
        )
        self.replaced[place.id] = replace(stands, outputs=tuple(dict.fromkeys(made)))

    def _facts(self, found: Found) -> Mapping[str, Any]:
        """What a scope says of a run: how many turns, whether of copies and of which, and what each hands on."""
        run, kept = found.run, found.run.turns[-1]
        facts: dict[str, Any] = {"turns": len(run.every)}
        if not run.same_weights:
            ends = (found.rows[0], found.rows[-1])
            facts["alike"] = tuple(
                next((each.scope.name for each in row if each.scope is not None), "") for row in ends
            )
        for which, turn in (("first", run.first), ("last", run.last)):
            if turn:
                facts[f"{which} without"] = tuple(node.op for number, node in enumerate(kept) if number not in turn)
        if self.carries and run.carried:
            pairs = ((kept[each.made[0]].outputs[each.made[1]], kept[each.read[0]].id) for each in run.carried)
            facts["carried"] = tuple(pairs)
        return facts

    @cached_property
    def free(self) -> int:
        """The first id that no scope has."""
        return max((scope.id for scope in self.graph.scopes), default=-1) + 1

    # Carrying it out.

    def carried_out(self) -> Graph:
        """The graph as planned."""
        graph = self.graph
        placed = (self.replaced.get(node.id, node) for node in graph.nodes)
        nodes = tuple(self._node(node) for node in placed if node.id not in self.nodes)
        loss = None if graph.loss is None else self._value(graph.loss.id)
        touched = {value for node in nodes for value in node.inputs}
        changed = replace(
            graph,
            nodes=nodes,
            scopes=tuple(self._scopes()),
            inputs=tuple(value for value in graph.inputs if value in touched),
            outputs=self._values(graph.outputs),
            meta=graph.meta if loss is None else {**graph.meta, "loss": loss},
        )
        return replace(changed, scopes=scopes_of(changed, nodes))

    def _node(self, node: Node) -> Node:
        operands = self.operands.get(node.id, node.inputs)
        return replace(
            node,
            inputs=self._values(value for value in operands if value is not None),
            outputs=tuple(map(self._value, node.outputs)),
            scope=self.moved.get(("node", node.id), node.scope),
            forward=None if node.forward is None else _followed(self.nodes, node.forward),
        )

    def _value(self, value: int) -> int:
        return _followed(self.values, value)

    def _values(self, values: Iterable[int]) -> tuple[int, ...]:
        """Values, with what stands in their place; several that one stands for are that one once."""
        listed = list(values)
        shared = {self._value(value) for value in listed if value in self.values}
        found = dict[int, None]()
        return tuple(
            stands
            for stands in map(self._value, listed)
            if stands not in shared or (stands not in found and found.setdefault(stands) is None)
        )

    def _scopes(self) -> Iterable[Scope]:
        """All scopes, a new one just before the first that lies in it."""
        waiting = dict(self.loops)

        def entered(scope: int | None) -> Iterable[Scope]:
            chain = []
            while scope in waiting:
                chain.append(self._scope(waiting.pop(scope)))
                scope = chain[-1].parent
            return reversed(chain)

        for scope in self.graph.scopes:
            placed = replace(scope, parent=self.moved.get(("scope", scope.id), scope.parent))
            yield from entered(placed.parent)
            yield self._scope(placed)
        for loop in self.loops:
            yield from entered(loop)

    def _scope(self, scope: Scope) -> Scope:
        facts = {**scope.attrs, **self.facts.get(scope.id, {})}
        if "carried" in facts:
            pairs = ((self._value(value), _followed(self.nodes, node)) for value, node in facts["carried"])
            facts["carried"] = tuple(dict.fromkeys(pairs))
        inputs: list[int | None] = list(scope.inputs)
        for starts in reversed(self.starts.get(scope.id, ())):
            inputs = [each if each is None else starts.get(each, each) for each in inputs]
        given = self._values(each for each in inputs if each is not None)
        return replace(scope, inputs=given, outputs=self._values(scope.outputs), attrs=facts)


def _followed(instead: Mapping[int, int], what: int) -> int:
    while what in instead:
        what = instead[what]
    return what
