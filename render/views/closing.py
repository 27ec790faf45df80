"""Closes scopes: one operation in place of all that ran inside; what `collapse` and `auto` have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from render.views.memory import kept_inside
from render.views.merging import copies
from render.views.prune import is_named
from render.views.subgraph import scopes_of
from tracer.graph import Graph, Node, Scope

MODULE: Final = "module."  # how the target of an operation that stands for a closed module begins

CHAIN: Final = "chain."  # and that of one that stands for operations that a rule of `fold` names


def is_closed_module(node: Node) -> bool:
    """Whether the node stands for a whole module that `collapse` closed."""
    return node.target.startswith(MODULE)


def close(graph: Graph, closing: Mapping[int, Scope]) -> Graph:
    """The graph with scopes closed into one operation each.

    A closed scope becomes one node. Its inputs are the scope's own in the order of the code, repeats kept, then what
    else it reads from outside; its outputs are what is read outside, named by the author or an output of the graph. It
    keeps the id of its first kernel and lies in the scope it stands for. Of a closed module, `attrs` has `type`,
    `parameters` (elements in all) and `operations` (calls of the author's, kernels outside of any). Calls that ran no
    kernel vanish.

    Args:
        graph: Any graph.
        closing: For each scope that lies in a closed one (or is one), by id: the closed scope.
    """
    if not closing:
        return graph
    parts = _parts(graph, closing)
    representative = {node.id: part.nodes[0].id for part in parts for node in part.nodes}
    inside = _Inside(graph)
    shown = [_closed(graph, part, representative, inside) for part in parts]
    nodes = tuple(_keeping(graph, parts, shown, inside))
    return replace(graph, nodes=nodes, scopes=scopes_of(graph, nodes))


@dataclass(slots=True)
class _Part:
    """The kernels of one phase in one closed scope (or a single kernel in none).

    Attributes:
        scope: The closed scope.
        nodes: Its kernels, in the order they ran.
        resumed: Whether the call had kernels before these, with those of a module that it called in between.
    """

    scope: Scope | None
    nodes: list[Node] = field(default_factory=list)
    resumed: bool = False


class _Inside:
    """Who reads each value, and how often each scope ran: looked up once for the whole graph."""

    def __init__(self, graph: Graph) -> None:
        self.ends = {*graph.outputs, *(() if graph.loss is None else (graph.loss.id,))}
        self.readers = graph.consumers
        self.ran = copies(graph, weights=False)
        self.weights = copies(graph, weights=True)


def _parts(graph: Graph, closing: Mapping[int, Scope]) -> list[_Part]:
    """Kernels by closed scope and phase, in the order they began.

    A function that calls a module which stays open is drawn as it ran, before and after: as one part it would both
    feed the module and read from it.
    """
    parts: dict[tuple[int, str], _Part] = {}
    out: list[_Part] = []
    for node in graph.nodes:
        scope = None if node.scope is None else closing.get(node.scope)
        if scope is None:
            out.append(_Part(None, [node]))
            continue
        key = (scope.id, node.phase)
        part = parts.get(key)
        if part is None or (scope.kind == "function" and part is not out[-1]):
            part = parts[key] = _Part(scope, resumed=part is not None)
            out.append(part)
        part.nodes.append(node)
    return out


def _closed(graph: Graph, part: _Part, representative: dict[int, int], inside: _Inside) -> Node:
    """The one node that stands for a part."""
    first, scope = part.nodes[0], part.scope
    forward = None if first.forward is None else representative.get(first.forward)
    if scope is None:
        return first if forward == first.forward else replace(first, forward=forward)
    made = dict.fromkeys(value for node in part.nodes for value in node.outputs)
    closed_module = scope.kind == "module"
    name = scope.name.rpartition(".")[2] if closed_module else scope.name
    return Node(
        id=first.id,
        op=name or scope.type or first.op,
        target=f"{MODULE}{scope.type}" if closed_module else scope.type or first.target,
        phase=first.phase,
        inputs=_inputs(graph, part, scope, made),
        outputs=_outputs(graph, part, scope, made, inside),
        scope=scope.id,
        forward=forward,
        attrs=_module_facts(graph, part, scope, inside) if closed_module else _function_facts(part, scope),
        cost=_total_cost(graph, part, scope, inside),
        error=next((node.error for node in part.nodes if node.error is not None), None),
    )


def _inputs(graph: Graph, part: _Part, scope: Scope, made: dict[int, None]) -> tuple[int, ...]:
    """What the call was given, in the order of the code, then what else its kernels read from outside.

    A closed module is given a thing once, however often it uses it (`attention(x, x, x)`); constants that torch made
    on the way (a mask, a zero state) are no operands of the author's.
    """
    read = dict.fromkeys(value for node in part.nodes for value in node.inputs if value not in made)
    if part.resumed or part.nodes[0].phase != "forward":
        return tuple(read)
    given = tuple(value for value in scope.inputs if value not in made)
    if scope.kind == "module":
        given = tuple(dict.fromkeys(given))
    operands = given + tuple(value for value in read if value not in given)
    return tuple(value for value in operands if not _is_internal(graph, value, scope))


def _is_internal(graph: Graph, value_id: int, scope: Scope) -> bool:
    value = graph.value_by_id[value_id]
    if value.kind != "constant" or value.name is not None:
        return False
    return value.numel > 1 or scope.kind == "module" or value_id not in scope.inputs


def _outputs(graph: Graph, part: _Part, scope: Scope, made: dict[int, None], inside: _Inside) -> tuple[int, ...]:
    """What the call handed back, then what else of its results is met outside."""
    own = {node.id for node in part.nodes}

    def is_met(value: int) -> bool:
        named = scope.kind == "function" and is_named(graph, value)  # running statistics are no results
        return named or value in inside.ends or any(node.id not in own for node in inside.readers.get(value, ()))

    first = dict.fromkeys(value for value in scope.outputs if value in made)
    return tuple(first) + tuple(value for value in made if value not in first and is_met(value))


def _module_facts(graph: Graph, part: _Part, scope: Scope, inside: _Inside) -> dict[str, object]:
    sizes: dict[int, int] = {}
    for node in part.nodes:
        each = inside.weights[node.scope] // inside.weights[scope.id]
        found = (graph.value_by_id[value] for value in node.inputs)
        sizes.update((value.id, each * value.numel) for value in found if value.kind == "parameter")
    calls = _calls(graph, part)
    operations = sum(stands_for(node) * (inside.ran[node.scope] // inside.ran[scope.id]) for node in calls)
    told = scope.attrs.get("parameters")  # by a view that has left out some
    parameters = told if isinstance(told, int) else sum(sizes.values())
    return {"type": scope.type, "parameters": parameters, "operations": operations}


def stands_for(node: Node) -> int:
    """How many operations an operation of the graph stands for: more than one for a closed module and for a chain."""
    found = node.attrs.get("operations") if node.target.startswith((MODULE, CHAIN)) else None
    return found if isinstance(found, int) and found > 0 else 1


def _calls(graph: Graph, part: _Part) -> Iterable[Node]:
    """The first kernel of each function that the modules of the part called themselves; and kernels outside of any."""
    outermost: dict[tuple[str, int], Node] = {}
    for node in part.nodes:
        call = None
        scope = None if node.scope is None else graph.scope_by_id[node.scope]
        while scope is not None and scope.kind != "module":
            call = scope if scope.kind == "function" else call
            scope = None if scope.parent is None else graph.scope_by_id[scope.parent]
        outermost.setdefault(("kernel", node.id) if call is None else ("call", call.id), node)
    return outermost.values()


def _function_facts(part: _Part, scope: Scope) -> dict[str, object]:
    """The call's own arguments; and the autograd node, where one kernel alone has one."""
    facts = dict(scope.attrs)
    owners = [node.attrs["grad_fn"] for node in part.nodes if "grad_fn" in node.attrs]
    if len(owners) == 1:
        facts.setdefault("grad_fn", owners[0])
    return facts


def _total_cost(graph: Graph, part: _Part, scope: Scope, inside: _Inside) -> dict[str, float]:
    """The sums of what the kernels cost, and the bytes of new memory that they `made`; each as often as it ran."""
    total: dict[str, float] = {}
    for node in part.nodes:
        times = inside.ran[node.scope] // inside.ran[scope.id]
        for name, amount in (*node.cost.items(), *_made(graph, node)):
            total[name] = total.get(name, 0) + times * amount
    return total


def _keeping(graph: Graph, parts: Sequence[_Part], shown: Sequence[Node], inside: _Inside) -> Iterable[Node]:
    """The closed operations, with the bytes that are kept for backward in each as `cost["kept"]`."""

    def times(number: int, node: Node) -> int:
        scope = parts[number].scope
        return 1 if scope is None else inside.ran[node.scope] // inside.ran[scope.id]

    kept = kept_inside(graph, [part.nodes for part in parts], shown, times)
    for node, size in zip(shown, kept, strict=True):
        yield replace(node, cost={**node.cost, "kept": node.cost.get("kept", 0) + size}) if size else node


def _made(graph: Graph, node: Node) -> Iterable[tuple[str, int]]:
    results = (graph.value_by_id[value] for value in node.outputs)
    made = sum(value.nbytes for value in results if value.view_of is None and value.version_of is None)
    return (("made", made),) if made and "made" not in node.cost else ()
